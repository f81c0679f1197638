package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/hortusdb/hortus/cell"
	"github.com/hortusdb/hortus/peer"
	"github.com/hortusdb/hortus/prometheus"
)

// metricsWithin bounds how long a reader of the numbers may take to ask, and to
// take the answer.
const metricsWithin = 10 * time.Second

// showMetrics answers Prometheus on an address, which is apart from where clients
// call: what is there is of all accounts, and nobody is asked who he is. Without an
// address it does nothing. stop ends it, and returns how it ended.
func showMetrics(ctx context.Context, address string, node *cell.Node, peers *peer.Peers) (stop func() error, err error) {
	if address == "" {
		return func() error { return nil }, nil
	}
	h, err := prometheus.Handler(node, peers)
	if err != nil {
		return nil, err
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	server := &http.Server{Handler: h, ReadTimeout: metricsWithin, WriteTimeout: metricsWithin}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ln) }()
	fmt.Printf("hortus shows its metrics on http://%s%s\n", ln.Addr(), prometheus.Path)
	return func() error {
		err := server.Close()
		if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
		return err
	}, nil
}

// checkAddress refuses what is no address and port.
func checkAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	return checkPort(port)
}

// maxPort is the greatest number of a port.
const maxPort = 1<<16 - 1

func checkPort(text string) error {
	if n, err := strconv.Atoi(text); err != nil || n < 0 || n > maxPort {
		return fmt.Errorf("port %s: want a number from 0 to %d", text, maxPort)
	}
	return nil
}
