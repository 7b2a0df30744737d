// Connections that come and go, or wait; datagrams, copies and files.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	chunk    = 64 * 1024
	fileSize = 4096
)

func init() {
	figures(func(s scale) []float64 {
		return rate(s, 160, func(ops int) (time.Duration, time.Duration) { return accepts(16, ops) })
	}, "accept", "accept-cpu")
	timed("udp", 100, udp)
	figures(idle, "conn-rss", "conn-heap")
	figures(func(s scale) []float64 {
		chunks := calibrate(s, 32, copyTCP)
		return []float64{float64(chunks) * chunk / 1e6 / copyTCP(chunks).Seconds()}
	}, "copy-tcp")
	figures(func(s scale) []float64 { return fileReads(s, 1) }, "fs-read")
	figures(func(s scale) []float64 { return fileReads(s, 64) }, "fs-read-64")
}

func listen() net.Listener { return must(net.Listen("tcp", "127.0.0.1:0")) }

func dial(listener net.Listener) net.Conn {
	return must(net.Dial("tcp", listener.Addr().String()))
}

// accepts makes, accepts and closes connections; the server closes first. Wall time and CPU time.
func accepts(clients, ops int) (time.Duration, time.Duration) {
	listener := listen()
	defer listener.Close()
	var running sync.WaitGroup
	running.Add(clients + 1)
	start, cpu := time.Now(), processCPU()
	go func() {
		for i := 0; i < ops/clients*clients; i++ {
			stream := must(listener.Accept())
			go stream.Close()
		}
		running.Done()
	}()
	for i := 0; i < clients; i++ {
		go func() {
			for i := 0; i < ops/clients; i++ {
				stream := dial(listener)
				_, err := stream.Read(make([]byte, 1))
				check(err == io.EOF, "the end")
				stream.Close()
			}
			running.Done()
		}()
	}
	running.Wait()
	return time.Since(start), processCPU() - cpu
}

func udp(ops int) time.Duration {
	local := net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
	server, client := must(net.ListenUDP("udp", &local)), must(net.ListenUDP("udp", &local))
	defer server.Close()
	defer client.Close()
	to := server.LocalAddr().(*net.UDPAddr).AddrPort()
	go func() {
		buf := make([]byte, small)
		for i := 0; i < ops; i++ {
			n, from, err := server.ReadFromUDPAddrPort(buf)
			must(n, err)
			must(server.WriteToUDPAddrPort(buf[:n], from))
		}
	}()
	return inTask(func() time.Duration {
		buf := make([]byte, small)
		start := time.Now()
		for i := 0; i < ops; i++ {
			must(client.WriteToUDPAddrPort(buf, to))
			n, _, err := client.ReadFromUDPAddrPort(buf)
			check(must(n, err) == small, "the length")
		}
		return time.Since(start)
	})
}

// proc is the first number after a name in a file of /proc/self; 0 where there is none.
func proc(file, name string) int {
	text, _ := os.ReadFile("/proc/self/" + file)
	_, after, _ := strings.Cut(string(text), name)
	if words := strings.Fields(after); len(words) > 0 {
		number, _ := strconv.Atoi(words[0])
		return number
	}
	return 0
}

// idle is resident bytes for each connection of which both ends are goroutines that wait in a read. What
// of them is on the heap and what on stacks, Go does not tell in the terms of the other columns.
func idle(s scale) []float64 {
	const first = 64
	connections := s.ops(10_000, 1000)
	// Go has raised the soft limit already.
	if limit := proc("limits", "Max open files"); limit > 0 {
		connections = min(connections, (limit-100)/2-first)
	}
	listener := listen()
	var waiting atomic.Int64
	wait := func(stream net.Conn) {
		var buf [small]byte
		waiting.Add(1)
		stream.Read(buf[:])
	}
	go func() {
		for {
			stream := must(listener.Accept())
			go wait(stream)
		}
	}()
	connect := func(all int) {
		for i := int(waiting.Load()) / 2; i < all; i++ {
			go func() { wait(dial(listener)) }()
			for int64(2*i)-waiting.Load() > 64 {
				time.Sleep(10 * time.Microsecond)
			}
		}
		for waiting.Load() < int64(2*all) {
			time.Sleep(time.Millisecond)
		}
	}
	connect(first)
	before := proc("status", "VmRSS:")
	connect(first + connections)
	after := proc("status", "VmRSS:")
	if before == 0 {
		return none
	}
	return []float64{float64(after-before) * 1024 / float64(connections)}
}

// copyTCP copies chunks from one connection to another.
func copyTCP(chunks int) time.Duration {
	listener := listen()
	defer listener.Close()
	pair := func() (net.Conn, net.Conn) { return dial(listener), must(listener.Accept()) }
	start, from := pair()
	to, end := pair()
	began := time.Now()
	var running sync.WaitGroup
	running.Add(2)
	go func() {
		buf := make([]byte, chunk)
		for i := 0; i < chunks; i++ {
			must(start.Write(buf))
		}
		start.Close()
		running.Done()
	}()
	go func() {
		check(must(io.Copy(to, from)) == int64(chunks)*chunk, "bytes copied")
		to.Close()
		from.Close()
		running.Done()
	}()
	buf, left := make([]byte, chunk), chunks*chunk
	for left > 0 {
		left -= must(end.Read(buf))
	}
	running.Wait()
	end.Close()
	return time.Since(began)
}

// fileReads is microseconds for each small file that so many goroutines read between them.
func fileReads(s scale, tasks int) []float64 {
	files := s.ops(10_000, 1000)
	folder := must(os.MkdirTemp("", "gmp-bench-go-"))
	defer os.RemoveAll(folder)
	file := func(n int) string { return filepath.Join(folder, fmt.Sprint(n)) }
	for n := 0; n < files; n++ {
		check(os.WriteFile(file(n), make([]byte, fileSize), 0o600) == nil, "a file")
	}
	read := func() time.Duration {
		start := time.Now()
		var running sync.WaitGroup
		running.Add(tasks)
		for first := 0; first < tasks; first++ {
			go func() {
				for n := first; n < files; n += tasks {
					check(len(must(os.ReadFile(file(n)))) == fileSize, "the length")
				}
				running.Done()
			}()
		}
		running.Wait()
		return time.Since(start)
	}
	read()
	return []float64{micros(read()) / float64(files)}
}
