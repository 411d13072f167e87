package main

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"strings"
)

// What a client wants that trusts the authority in the file $RPC_GO_CA.
func trusting() *tls.Config {
	pem, err := os.ReadFile(os.Getenv("RPC_GO_CA"))
	check("RPC_GO_CA", err)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		fail("RPC_GO_CA: no certificate")
	}
	return &tls.Config{RootCAs: pool}
}

func dialTLS() *tls.Conn {
	connection, err := tls.Dial("tcp", address, trusting())
	check("tls.Dial", err)
	return connection
}

func overTLS(run func(*rpc.Client)) func() {
	return func() {
		for _, client := range []*rpc.Client{rpc.NewClient(dialTLS()), jsonrpc.NewClient(dialTLS())} {
			run(client)
			check("Close", client.Close())
		}
	}
}

func https() {
	client := http.Client{Transport: &http.Transport{TLSClientConfig: trusting()}}
	for i := 0; i < 3; i++ {
		response, err := client.Post("https://"+address+"/call/EchoUtil.CountString", "application/json",
			strings.NewReader(`["this is test"]`))
		check("Post", err)
		expect("status", response.StatusCode, 200)
		check("Close", response.Body.Close())
	}
}

// The port speaks TLS, and this client does not.
func withoutTLS() {
	_, err := rpc.DialHTTP("tcp", address)
	if err == nil || !strings.Contains(err.Error(), "This port speaks TLS") {
		fail("DialHTTP: %v", err)
	}
}
