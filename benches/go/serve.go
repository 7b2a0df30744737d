// Services for clients in another process.
//
// Both print their address first. The line "cpu" on standard input asks for the CPU time so far, in
// nanoseconds; the end of standard input ends the process.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

const (
	message = 64
	block   = 100 * time.Millisecond
	compute = 50 * time.Millisecond
	tick    = time.Millisecond
)

// obey answers lines until there are no more.
func obey(answers map[string]func()) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if answer := answers[lines.Text()]; answer != nil {
			answer()
		} else {
			fail("not a request: %q", lines.Text())
		}
	}
}

func sayCPU() { fmt.Println(processCPU().Nanoseconds()) }

// serveHTTP answers every request with a short text.
func serveHTTP() {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	fmt.Println(listener.Addr())
	hello := []byte("hello\n")
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Write(hello)
	}))
	obey(map[string]func(){"cpu": sayCPU})
}

// serveHogs echoes messages. After the line "start" a ticker runs, and beside it goroutines that block
// their thread or compute, yielding in between; after "stop" it prints how late each tick was, in
// nanoseconds, on one line.
func serveHogs(blocking, computing int) {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	fmt.Println(listener.Addr())
	go func() {
		for {
			stream := must(listener.Accept())
			go echoMessages(stream)
		}
	}()
	var stop atomic.Bool
	late := make(chan []time.Duration, 1)
	disturb := func(what func()) {
		for !stop.Load() {
			what()
			runtime.Gosched()
		}
	}
	obey(map[string]func(){
		"cpu": sayCPU,
		"start": func() {
			go func() { late <- ticks(&stop) }()
			for i := 0; i < blocking; i++ {
				go disturb(blockThread)
			}
			for i := 0; i < computing; i++ {
				go disturb(busy)
			}
		},
		"stop": func() {
			stop.Store(true)
			var line strings.Builder
			for _, one := range <-late {
				fmt.Fprint(&line, one.Nanoseconds(), " ")
			}
			fmt.Println(line.String())
		},
	})
}

func echoMessages(stream net.Conn) {
	defer stream.Close()
	buf := make([]byte, message)
	for {
		if _, err := io.ReadFull(stream, buf); err != nil {
			return
		}
		if _, err := stream.Write(buf); err != nil {
			return
		}
	}
}

// ticks says how late each millisecond was. The next one is due a period after the last one was, as with
// the other columns' intervals; time.Ticker would leave ticks out, and so hide what they measure.
func ticks(stop *atomic.Bool) []time.Duration {
	var late []time.Duration
	for due := time.Now(); !stop.Load(); due = due.Add(tick) {
		time.Sleep(time.Until(due))
		late = append(late, time.Since(due))
	}
	return late
}

func busy() {
	x := uint64(1)
	for start := time.Now(); time.Since(start) < compute; {
		for i := 0; i < 1000; i++ {
			x = x*0x9E37_79B9_7F4A_7C15 + 7
		}
	}
	worked.Store(x)
}

var worked atomic.Uint64
