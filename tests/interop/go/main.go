// Calls through rpc-gateway with nothing but Go's standard library, as programs written for Go's own server do, and says
// what does not hold. What the tests want is the first argument; the gateway's address the second.
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"reflect"
	"time"
)

var address string

func check(what string, err error) {
	if err != nil {
		fail("%s: %v", what, err)
	}
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

func expect(what string, got, wanted any) {
	if !reflect.DeepEqual(got, wanted) {
		fail("%s: got %#v, wanted %#v", what, got, wanted)
	}
}

func dialHTTP() *rpc.Client {
	client, err := rpc.DialHTTP("tcp", address)
	check("DialHTTP", err)
	return client
}

func dial() *rpc.Client {
	client, err := rpc.Dial("tcp", address)
	check("Dial", err)
	return client
}

func dialJSON() *rpc.Client {
	client, err := jsonrpc.Dial("tcp", address)
	check("jsonrpc.Dial", err)
	return client
}

// The program that this project's idea comes from.
func plain(client *rpc.Client) {
	var n int
	check("CountString", client.Call("EchoUtil.CountString", "this is test", &n))
	expect("CountString", n, 3)
	var text string
	check("Reverse", client.Call("EchoUtil.Reverse", "héllo", &text))
	expect("Reverse", text, "olléh")
	check("no reply wanted", client.Call("EchoUtil.Upper", "x", nil))
}

func inFlight(client *rpc.Client, count int) {
	done := make(chan *rpc.Call, count)
	replies := make([]string, count)
	for i := range replies {
		client.Go("EchoUtil.Echo", fmt.Sprint("text ", i), &replies[i], done)
	}
	for range replies {
		select {
		case call := <-done:
			check("Go", call.Error)
		case <-time.After(60 * time.Second):
			fail("a call hangs")
		}
	}
	for i := range replies {
		expect("Go", replies[i], fmt.Sprint("text ", i))
	}
}

// A slow call does not hold up those after it.
func outOfOrder(client *rpc.Client) {
	var ms, n int
	slow := client.Go("EchoUtil.Sleep", 5000, &ms, nil)
	check("CountString", client.Call("EchoUtil.CountString", "sss", &n))
	select {
	case <-slow.Done:
		fail("the slow call was first")
	default:
	}
	<-slow.Done
	check("Sleep", slow.Error)
	expect("Sleep", ms, 5000)
}

func expectError(what string, err error, wanted string) {
	if err == nil || err.Error() != wanted {
		fail("%s: got error %v, wanted %q", what, err, wanted)
	}
	if !errors.As(err, new(rpc.ServerError)) {
		fail("%s: %T is no rpc.ServerError", what, err)
	}
}

func failures(client *rpc.Client) {
	var n int
	expectError("no service", client.Call("Nobody.Knows", 1, &n), "rpc: can't find service Nobody.Knows")
	expectError("no method", client.Call("EchoUtil.Missing", 1, &n), "rpc: can't find method EchoUtil.Missing")
	expectError("no dot", client.Call("Nothing", 1, &n), "rpc: service/method request ill-formed: Nothing")
	expectError("its own", client.Call("EchoUtil.Fail", FailArgs{"ABORTED", "divide by zero"}, &n), "divide by zero")
	expectError("the broker's own", client.Call("rpc.workers", 1, &n),
		"PERMISSION_DENIED: this gateway does not pass on calls of rpc.workers")
	if err := client.Call("EchoUtil.CountString", 12, &n); err == nil {
		fail("a number was taken for a text")
	}
	plain(client) // the connection lives on
}

type FailArgs struct{ Code, Message string }

type CountArgs struct{ Text, Part string }

// A struct is spread over the parameters that it names, and a field that Go leaves out is one all the same.
func spread(client *rpc.Client) {
	var n int
	check("Count", client.Call("EchoUtil.Count", CountArgs{"banana", "an"}, &n))
	expect("Count", n, 2)
	check("Count of nothing", client.Call("EchoUtil.Count", &CountArgs{Text: "abc"}, &n))
	expect("Count of nothing", n, 4)
	var who struct {
		Name string
		Pid  int
	}
	check("Whoami", client.Call("EchoUtil.Whoami", struct{}{}, &who))
	if who.Name == "" || who.Pid == 0 {
		fail("Whoami: %#v", who)
	}
}

func main() {
	if len(os.Args) != 3 {
		fail("netrpc WHAT HOST:PORT")
	}
	address = os.Args[2]
	run, found := cases[os.Args[1]]
	if !found {
		fail("no such case: %s", os.Args[1])
	}
	run()
	fmt.Println("ok")
}

func overEach(run func(*rpc.Client)) func() {
	return func() {
		for _, dial := range []func() *rpc.Client{dialHTTP, dial, dialJSON} {
			client := dial()
			run(client)
			check("Close", client.Close())
		}
	}
}

var cases = map[string]func(){
	"plain":        overEach(plain),
	"in-flight":    overEach(func(client *rpc.Client) { inFlight(client, 1000) }),
	"out-of-order": overEach(outOfOrder),
	"failures":     overEach(failures),
	"spread":       overEach(spread),
	"values":       func() { values(dialHTTP()) },
	"json-values":  func() { jsonValues(dialJSON()) },
	"hang-up":      hangUp,
	"lost-broker":  lostBroker,
	"tls":          overTLS(plain),
	"tls-flight":   overTLS(func(client *rpc.Client) { inFlight(client, 1000) }),
	"https":        https,
	"without-tls":  withoutTLS,
}

// Ends in the middle of calls, and in the middle of a message, once told so by the end of standard input.
func hangUp() {
	client := dialHTTP()
	for i := 0; i < 8; i++ {
		client.Go("EchoUtil.Sleep", 600000, new(int), nil)
	}
	raw, err := net.Dial("tcp", address)
	check("Dial", err)
	_, err = raw.Write([]byte("CONNECT /_goRPC_ HTTP/1.0\n\n\x40\xff"))
	check("Write", err)
	_, _ = io.ReadAll(os.Stdin)
	check("Close", raw.Close())
	check("Close", client.Close())
}

// Calls for some seconds; every call ends, with its result or an error.
func lostBroker() {
	client := dialHTTP()
	failed, called := 0, 0
	for end := time.Now().Add(4 * time.Second); time.Now().Before(end); {
		var n int
		call := client.Go("EchoUtil.CountString", "this is test", &n, nil)
		select {
		case <-call.Done:
		case <-time.After(20 * time.Second):
			fail("a call hangs")
		}
		called++
		if call.Error != nil {
			failed++
			if errors.Is(call.Error, rpc.ErrShutdown) {
				fail("the gateway hung up")
			}
		} else if n != 3 {
			fail("got %d", n)
		}
	}
	fmt.Println("called", called, "failed", failed)
}
