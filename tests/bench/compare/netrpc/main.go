// Go's net/rpc, the standard library's HTTP way: with no arguments a server that prints where it listens, else a load
// driver with the options of driver.hpp. A window is rpc.Client.Go with a channel as wide.
package main

import (
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/rpc"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	countedText   = "this is test"
	countedResult = 3
)

// EchoUtil is what the server registers.
type EchoUtil struct{}

// CountString says how many times s occurs in text.
func (EchoUtil) CountString(text string, count *int) error {
	*count = strings.Count(text, "s")
	return nil
}

// Echo returns the value as it came.
func (EchoUtil) Echo(value []byte, same *[]byte) error {
	*same = value
	return nil
}

func serve() error {
	if err := rpc.Register(EchoUtil{}); err != nil {
		return err
	}
	rpc.HandleHTTP()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("ready endpoint=%s\n", listener.Addr())
	return http.Serve(listener, nil)
}

// slot is a place in the window: its call's arguments and reply, of which the method uses one pair.
type slot struct {
	sent  time.Time
	text  string
	value []byte
	count int
	same  []byte
}

type client struct {
	options options
	rpc     *rpc.Client
	done    chan *rpc.Call
	meter   *meter
}

func (c *client) call(s *slot) *rpc.Call {
	if c.options.size > 0 {
		return c.rpc.Go("EchoUtil.Echo", s.value, &s.same, c.done)
	}
	return c.rpc.Go("EchoUtil.CountString", s.text, &s.count, c.done)
}

func (c *client) check(s *slot, err error) error {
	if err != nil {
		return err
	}
	if c.options.size > 0 && len(s.same) != c.options.size {
		return errors.New("a wrong text came back")
	}
	if c.options.size == 0 && s.count != countedResult {
		return errors.New("a wrong count came back")
	}
	return nil
}

func (c *client) run() error {
	under := make(map[*rpc.Call]*slot, c.options.window)
	for i := 0; i < c.options.window; i++ {
		s := &slot{sent: time.Now(), text: countedText, value: make([]byte, c.options.size)}
		under[c.call(s)] = s
	}
	for len(under) > 0 {
		call := <-c.done
		s := under[call]
		delete(under, call)
		if err := c.check(s, call.Error); err != nil {
			return err
		}
		now := time.Now()
		if c.meter.ended(s.sent, now) {
			s.sent = now
			under[c.call(s)] = s
		}
	}
	return nil
}

func drive() error {
	o, err := parse(os.Args[1:])
	if err != nil {
		return err
	}
	clients := make([]*client, o.clients)
	var connection *rpc.Client
	for i := range clients {
		if connection == nil || !o.oneConnection {
			if connection, err = rpc.DialHTTP("tcp", o.targets[i%len(o.targets)]); err != nil {
				return err
			}
		}
		clients[i] = &client{options: o, rpc: connection, done: make(chan *rpc.Call, o.window)}
	}
	connectedAfter := cpuSeconds()
	meters := make([]*meter, len(clients))
	var running sync.WaitGroup
	for i, c := range clients {
		meters[i] = newMeter(o)
		c.meter = meters[i]
		running.Add(1)
		go func(c *client) {
			defer running.Done()
			if err := c.run(); err != nil {
				log.Fatal(err)
			}
		}(c)
	}
	running.Wait()
	return report(o, connectedAfter, meters)
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("compare-netrpc: ")
	run := drive
	if len(os.Args) == 1 {
		run = serve
	}
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
