// TCP within the process.
package main

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const clients = 64

func init() {
	timed("echo-1", 100, func(ops int) time.Duration {
		elapsed, _ := echo(1, ops)
		return elapsed
	})
	figures(func(s scale) []float64 {
		ops := calibrate(s, clients*10, func(ops int) time.Duration {
			elapsed, _ := echo(clients, ops)
			return elapsed
		})
		elapsed, cpu := echo(clients, ops)
		return []float64{float64(ops) / elapsed.Seconds() / 1e3, micros(cpu) / float64(ops)}
	}, "echo-64", "echo-64-cpu")
}

// serveEcho sends back what comes, until the client is gone.
func serveEcho(stream net.Conn) {
	defer stream.Close()
	buf := make([]byte, 64)
	for {
		n, err := stream.Read(buf)
		if err == io.EOF {
			return
		}
		must(n, err)
		must(stream.Write(buf[:n]))
	}
}

func roundTrips(stream net.Conn, ops int) {
	asked, answer := make([]byte, 64), make([]byte, 64)
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
func echo(clients, ops int) (time.Duration, time.Duration) {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	var serving, running sync.WaitGroup
	serving.Add(clients)
	go func() {
		for i := 0; i < clients; i++ {
			stream := must(listener.Accept())
			go func() {
				serveEcho(stream)
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
			roundTrips(stream, 4)
			if missing.Add(-1) == 0 {
				close(ready)
			}
			<-begin
			roundTrips(stream, ops/clients)
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
