// TCP within the process.
package main

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Bytes of a message.
const (
	small = 64
	large = 64 * 1024
)

func init() {
	for name, message := range map[string]int{"echo-1": small, "echo-1-64k": large} {
		timed(name, 10, func(ops int) time.Duration {
			elapsed, _ := echo(1, message, ops)
			return elapsed
		})
	}
	many := func(clients func(scale) int, message int, name string) {
		figures(func(s scale) []float64 {
			clients := clients(s)
			return rate(s, clients*10, func(ops int) (time.Duration, time.Duration) {
				return echo(clients, message, ops)
			})
		}, name, name+"-cpu")
	}
	some := func(scale) int { return 64 }
	many(some, small, "echo-64")
	many(some, large, "echo-64-64k")
	most := func(s scale) int {
		if s.quick {
			return 200
		}
		return 1000
	}
	many(most, small, "echo-1000")
}

// rate is thousands of operations a second, and CPU microseconds for each.
func rate(s scale, unit int, run func(ops int) (time.Duration, time.Duration)) []float64 {
	ops := calibrate(s, unit, func(ops int) time.Duration {
		elapsed, _ := run(ops)
		return elapsed
	})
	elapsed, cpu := run(ops)
	return []float64{float64(ops) / elapsed.Seconds() / 1e3, micros(cpu) / float64(ops)}
}

// serveEcho sends back what comes, until the client is gone.
func serveEcho(stream net.Conn, message int) {
	defer stream.Close()
	buf := make([]byte, message)
	for {
		n, err := stream.Read(buf)
		if err == io.EOF {
			return
		}
		must(n, err)
		must(stream.Write(buf[:n]))
	}
}

func roundTrips(stream net.Conn, message, ops int) {
	asked, answer := make([]byte, message), make([]byte, message)
	for i := range asked {
		asked[i] = 7
	}
	for i := 0; i < ops; i++ {
		must(stream.Write(asked))
		must(io.ReadFull(stream, answer))
	}
	check(ops == 0 || string(answer) == string(asked), "the echo")
}

// echo does ops round trips between all clients; wall time and CPU time.
func echo(clients, message, ops int) (time.Duration, time.Duration) {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	var serving, running sync.WaitGroup
	serving.Add(clients)
	go func() {
		for i := 0; i < clients; i++ {
			stream := must(listener.Accept())
			go func() {
				serveEcho(stream, message)
				serving.Done()
			}()
		}
	}()
	running.Add(clients)
	var missing atomic.Int64
	missing.Store(int64(clients))
	ready, begin := make(chan struct{}), make(chan struct{})
	for i := 0; i < clients; i++ {
		go func() {
			stream := must(net.Dial("tcp", listener.Addr().String()))
			roundTrips(stream, message, 4)
			if missing.Add(-1) == 0 {
				close(ready)
			}
			<-begin
			roundTrips(stream, message, ops/clients)
			stream.Close()
			running.Done()
		}()
	}
	<-ready
	start, cpu := time.Now(), processCPU()
	close(begin)
	running.Wait()
	elapsed, used := time.Since(start), processCPU()-cpu
	serving.Wait()
	listener.Close()
	return elapsed, used
}
