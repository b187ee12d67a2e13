package pixivoc_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"github.com/pixivoc/pixivoc"
)

// A Transport serves any http.Client. Here a table sends a host to a server on
// this machine, while URL and Host header stay as they are.
func ExampleNewTransport() {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println("asked for", r.Host+r.URL.Path)
	}))
	defer server.Close()

	transport, err := pixivoc.NewTransport(pixivoc.TransportConfig{
		Mode:    pixivoc.ModeIP,
		Hosts:   pixivoc.HostTable{"i.pximg.net": {Addresses: []string{server.Listener.Addr().String()}}},
		Timeout: 30 * time.Second,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer transport.CloseIdleConnections()

	client := http.Client{Transport: transport}
	response, err := client.Get("http://i.pximg.net/img-original/1_p0.png")
	if err != nil {
		fmt.Println(err)
		return
	}
	response.Body.Close()
	fmt.Println(response.Status)
	// Output:
	// asked for i.pximg.net/img-original/1_p0.png
	// 200 OK
}

// The road can be changed while requests are under way. What is wrong is
// refused, and nothing shows the password of a proxy.
func ExampleTransport_Configure() {
	var transport pixivoc.Transport
	fmt.Println(transport.Config())

	config := pixivoc.TransportConfig{Mode: pixivoc.ModeProxy, Proxy: "127.0.0.1:1081"}
	fmt.Println(transport.Configure(config))

	config.Proxy = "http://name:password@127.0.0.1:1081"
	fmt.Println(transport.Configure(config))
	fmt.Println(transport.Config())
	// Output:
	// direct
	// Proxy: has no scheme; write it like http://127.0.0.1:1081
	// <nil>
	// proxy http://127.0.0.1:1081
}

func ExampleParseHostTable() {
	table, err := pixivoc.ParseHostTable([]string{
		"i.pximg.net=210.140.139.133",
		"i.pximg.net=210.140.139.134:443",
		"i.pximg.net=nosni",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(table["i.pximg.net"].Addresses, table["i.pximg.net"].Strategies)

	_, err = pixivoc.ParseHostTable([]string{"i.pximg.net=pximg.example"})
	fmt.Println(err)
	// Output:
	// [210.140.139.133 210.140.139.134:443] [nosni]
	// Hosts: i.pximg.net: "pximg.example" is neither an address like 210.140.139.131 or 127.0.0.1:8443, nor one of sni, nosni, ech and split
}

func ExampleDialError() {
	transport, err := pixivoc.NewTransport(pixivoc.TransportConfig{
		Mode:  pixivoc.ModeIP,
		Hosts: pixivoc.HostTable{"app-api.pixiv.net": {Addresses: []string{"127.0.0.1:1"}}}, // nobody listens there
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := http.Client{Transport: transport}
	_, err = client.PostForm("https://app-api.pixiv.net/", url.Values{})
	if failure, ok := errors.AsType[*pixivoc.DialError](err); ok {
		for _, attempt := range failure.Attempts {
			fmt.Println(failure.Host, attempt.Address, attempt.Strategy, attempt.Cause)
		}
	}
	// Output:
	// app-api.pixiv.net:443 127.0.0.1:1 sni refused
	// app-api.pixiv.net:443 127.0.0.1:1 ech refused
	// app-api.pixiv.net:443 127.0.0.1:1 split refused
}
