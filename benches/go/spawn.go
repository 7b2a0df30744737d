// Goroutines that do nothing but exist, and going from one to another.
package main

import (
	"runtime"
	"sync"
	"time"
)

const (
	batch      = 100_000
	yielders   = 1000
	fibOf      = 20
	fibIs      = 6765
	mostLeaves = 1_000_000
)

func init() {
	timed("spawn-task", batch, func(ops int) time.Duration {
		return inTask(func() time.Duration { return spawnMany(ops) })
	})
	// The main goroutine is the root, and Go has but one kind of it.
	timed("spawn-root", batch, spawnMany)
	timed("spawn-block-on", batch, spawnMany)
	timed("join-task", 1000, func(ops int) time.Duration {
		return inTask(func() time.Duration { return spawnOne(ops) })
	})
	timed("join-root", 1000, spawnOne)
	timed("join-block-on", 1000, spawnOne)
	timed("chain", 1000, chain)
	timed("yield", 100_000, yields)
	figures(func(s scale) []float64 {
		leaves := 1
		for leaves*10 <= s.ops(mostLeaves, mostLeaves/10) {
			leaves *= 10
		}
		skynet(max(leaves/10, 1))
		return []float64{nanosPerOp(skynet(leaves), leaves)}
	}, "skynet")
	timed("fib", fibTasks(fibOf), forkJoin)
}

func spawnMany(ops int) time.Duration {
	var group sync.WaitGroup
	start := time.Now()
	for left := ops; left > 0; left -= batch {
		n := min(left, batch)
		group.Add(n)
		for i := 0; i < n; i++ {
			go group.Done()
		}
		group.Wait()
	}
	return time.Since(start)
}

func spawnOne(ops int) time.Duration {
	done := make(chan int, 1)
	start := time.Now()
	for i := 0; i < ops; i++ {
		go func() { done <- i }()
		check(<-done == i, "what the goroutine sent")
	}
	return time.Since(start)
}

func chain(ops int) time.Duration {
	done := make(chan struct{})
	var link func(left int)
	link = func(left int) {
		if left == 0 {
			done <- struct{}{}
			return
		}
		go link(left - 1)
	}
	start := time.Now()
	go link(ops - 1)
	<-done
	return time.Since(start)
}

func yields(ops int) time.Duration {
	var group sync.WaitGroup
	group.Add(yielders)
	start := time.Now()
	for i := 0; i < yielders; i++ {
		go func() {
			for n := 0; n < ops/yielders; n++ {
				runtime.Gosched()
			}
			group.Done()
		}()
	}
	group.Wait()
	return time.Since(start)
}

func node(sum chan<- int, first, leaves int) {
	if leaves == 1 {
		sum <- first
		return
	}
	below := leaves / 10
	sums := make(chan int, 10)
	for i := 0; i < 10; i++ {
		go node(sums, first+i*below, below)
	}
	all := 0
	for i := 0; i < 10; i++ {
		all += <-sums
	}
	sum <- all
}

func skynet(leaves int) time.Duration {
	sum := make(chan int)
	start := time.Now()
	go node(sum, 0, leaves)
	all := <-sum
	elapsed := time.Since(start)
	check(all == leaves*(leaves-1)/2, "skynet's sum")
	return elapsed
}

func fibTasks(n int) int {
	if n < 2 {
		return 0
	}
	return 1 + fibTasks(n-1) + fibTasks(n-2)
}

func fib(n int) int {
	if n < 2 {
		return n
	}
	one := make(chan int, 1)
	go func() { one <- fib(n - 1) }()
	two := fib(n - 2)
	return <-one + two
}

func forkJoin(ops int) time.Duration {
	return inTask(func() time.Duration {
		start := time.Now()
		for i := 0; i < ops/fibTasks(fibOf); i++ {
			check(fib(fibOf) == fibIs, "fib")
		}
		return time.Since(start)
	})
}
