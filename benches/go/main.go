// gmp-bench-go: the Go column of gmp-bench, with the standard library only.
//
// It speaks the protocol of the other columns' processes:
//
//	gmp-bench-go list                              names of the workloads, one a line
//	gmp-bench-go run WORKLOAD [--workers N] [--quick] [--iters K]
//	                                               a line "ROW<tab>FIGURE" for each row, "-" for none
//	gmp-bench-go version                           of the Go that built it
//	gmp-bench-go serve http|hogs [--workers N] …   a service, see serve.go
//
// Each workload is written as a Go programmer would: goroutines and channels, a WaitGroup where all
// are awaited and no value comes back. A task is a goroutine; the root is the main goroutine. The
// runtime is as it comes (its garbage collector included), GOMAXPROCS being the number of workers.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

// scale says how large a run is.
type scale struct {
	workers int
	target  time.Duration
	quick   bool
	iters   int
}

// ops is a fixed number of operations: what was asked for, or the usual one.
func (s scale) ops(usual, quick int) int {
	switch {
	case s.iters > 0:
		return s.iters
	case s.quick:
		return quick
	}
	return usual
}

// workload fills one or more rows.
type workload struct {
	rows []string
	run  func(scale) []float64
}

var none []float64

// workloads has every row that Go can fill, by the name that gmp-bench gives its workload.
var workloads = map[string]workload{}

// timed registers a row of nanoseconds per operation, the number of operations being a multiple of unit
// that takes long enough.
func timed(name string, unit int, run func(ops int) time.Duration) {
	workloads[name] = workload{[]string{name}, func(s scale) []float64 {
		ops := calibrate(s, unit, run)
		return []float64{nanosPerOp(run(ops), ops)}
	}}
}

// figures registers a workload that works out its figures itself.
func figures(run func(scale) []float64, rows ...string) {
	workloads[rows[0]] = workload{rows, run}
}

func nanosPerOp(elapsed time.Duration, ops int) float64 {
	return float64(elapsed.Nanoseconds()) / float64(ops)
}

// calibrate runs more and more operations until they take long enough, which is the warm-up too, and
// says how many take the target time.
func calibrate(s scale, unit int, run func(ops int) time.Duration) int {
	const most = 1 << 32
	units := 1
	for {
		elapsed := run(units * unit)
		if elapsed < 1 {
			elapsed = 1
		}
		if elapsed*4 >= s.target || units*unit >= most {
			if s.iters > 0 {
				return (s.iters + unit - 1) / unit * unit
			}
			fitting := int(float64(s.target)*float64(units)/float64(elapsed) + 0.5)
			return max(fitting, 1) * unit
		}
		units *= min(max(int(float64(s.target)/2/float64(elapsed))+1, 2), 16)
	}
}

// inTask runs work in a goroutine that is not the main one.
func inTask[T any](work func() T) T {
	done := make(chan T)
	go func() { done <- work() }()
	return <-done
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "gmp-bench-go: "+format+"\n", args...)
	os.Exit(2)
}

// check stops a run whose result is wrong: it would time something else.
func check(right bool, what string) {
	if !right {
		panic("not what was expected: " + what)
	}
}

// must passes the value on and stops at an error.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	words, s := arguments(os.Args[1:])
	runtime.GOMAXPROCS(s.workers)
	switch {
	case len(words) == 1 && words[0] == "list":
		for name := range workloads {
			fmt.Println(name)
		}
	case len(words) == 1 && words[0] == "version":
		fmt.Println(runtime.Version())
	case len(words) == 2 && words[0] == "run":
		w, ok := workloads[words[1]]
		if !ok {
			fail("no workload `%s`", words[1])
		}
		results := w.run(s)
		for i, row := range w.rows {
			if i < len(results) {
				fmt.Printf("%s\t%.4f\n", row, results[i])
			} else {
				fmt.Printf("%s\t-\n", row)
			}
		}
	case len(words) == 2 && words[0] == "serve" && words[1] == "http":
		serveHTTP()
	case len(words) == 4 && words[0] == "serve" && words[1] == "hogs":
		serveHogs(must(strconv.Atoi(words[2])), must(strconv.Atoi(words[3])))
	default:
		fail("unknown command %q", words)
	}
}

func arguments(args []string) ([]string, scale) {
	s := scale{workers: 2, target: 150 * time.Millisecond}
	var words []string
	for i := 0; i < len(args); i++ {
		number := func() int {
			i++
			if i == len(args) {
				fail("%s what?", args[i-1])
			}
			n, err := strconv.Atoi(args[i])
			if err != nil || n < 1 {
				fail("%s takes a number from 1, not `%s`", args[i-1], args[i])
			}
			return n
		}
		switch args[i] {
		case "--workers":
			s.workers = number()
		case "--iters":
			s.iters = number()
		case "--quick":
			s.quick = true
			s.target = 50 * time.Millisecond
		default:
			words = append(words, args[i])
		}
	}
	return words, s
}
