package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"github.com/hortusdb/hortus/cell"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/peer"
	"github.com/hortusdb/hortus/router"
	"github.com/hortusdb/hortus/wire"
)

type serveCommand struct {
	Config  string `required:"" placeholder:"FILE" help:"The node's configuration, JSON; see docs/tutorials/serve.md."`
	Check   bool   `help:"Read the configuration and the certificates, say what is wrong with them, and end."`
	Profile string `placeholder:"FILE" hidden:"" help:"Write a CPU profile."`
}

func (s *serveCommand) Run(ctx context.Context) error {
	c, err := readConfig(s.Config)
	if err != nil {
		return err
	}
	interval, cache, seedRate, err := c.sizes()
	if err != nil {
		return err
	}
	compare, err := c.compareEvery()
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo})).With("node", c.Name)
	peers := peer.Options{Own: c.cells, Nodes: c.nodes(), Clock: clock.Wall{}, Rand: newRand(), Logger: logger}
	if c.Peer != nil {
		if peers.Certificate, peers.Roots, err = c.trust(); err != nil {
			return err
		}
	}
	if c.TLS != nil {
		if _, err := c.load(c.TLS); err != nil {
			return fmt.Errorf("tls: %w", err)
		}
	}
	if s.Check {
		fmt.Println("the configuration is in order")
		return nil
	}
	stopProfile, err := profile(s.Profile)
	if err != nil {
		return err
	}
	defer stopProfile()
	clients, others, err := c.listen(ctx)
	if err != nil {
		return err
	}
	node, err := cell.OpenNode(ctx, cell.NodeOptions{
		Dir: c.path(c.Data), Cache: cache, Interval: interval, Clock: clock.Wall{}, Rand: newRand(), Logger: logger,
		Cells: c.cells, SeedRate: seedRate, Compare: compare, Throttle: c.Throttle == nil || *c.Throttle,
	})
	if err != nil {
		return errors.Join(err, clients.Close(), closeListener(others))
	}
	peers.Cells = node
	return errors.Join(c.serve(ctx, node, peers, clients, others, logger), node.Close())
}

// listen opens both sides, or none.
func (c *config) listen(ctx context.Context) (clients, others net.Listener, err error) {
	if clients, err = new(net.ListenConfig).Listen(ctx, "tcp", c.Listen); err != nil {
		return nil, nil, fmt.Errorf("listen: %w", err)
	}
	if c.Peer == nil {
		return clients, nil, nil
	}
	if others, err = new(net.ListenConfig).Listen(ctx, "tcp", c.Peer.Listen); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("peer.listen: %w", err), clients.Close())
	}
	return clients, others, nil
}

func closeListener(ln net.Listener) error {
	if ln == nil {
		return nil
	}
	return ln.Close()
}

// serve serves clients and peers until ctx ends, or one of both cannot go on.
func (c *config) serve(ctx context.Context, node *cell.Node, o peer.Options, clients, others net.Listener, logger *slog.Logger) error {
	var peers *peer.Peers
	if others != nil {
		peers = peer.New(o)
	}
	calls := router.New(router.Options{
		Node: node, Peers: peers, Clock: clock.Wall{}, Logger: logger, Credentials: c.Credentials, Strict: true, Rehearsal: c.Rehearsal,
	})
	server := wire.New(wire.Options{Handler: calls, Region: c.cells[0].Region, Logger: logger, Rand: newRand()})
	scheme := "http"
	serving := clients
	if c.TLS != nil {
		scheme = "https"
		serving = tls.NewListener(clients, &tls.Config{
			MinVersion:     tls.VersionTLS12,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.load(c.TLS) },
		})
	}
	served, met := make(chan error, 1), make(chan error, 1)
	go func() { served <- server.Serve(serving) }()
	spareThreads()
	defer resting(ctx)()
	meeting, part := context.WithCancel(context.WithoutCancel(ctx))
	defer part()
	running := 1
	if peers != nil {
		peers.Take(calls)
		node.Meet(peers)
		running++
		go func() { met <- peers.Run(meeting, others) }()
	}
	fmt.Printf("hortus listens on %s://%s\n", scheme, clients.Addr())
	if others != nil {
		fmt.Printf("hortus meets its peers on %s\n", others.Addr())
	}
	hide, err := showMetrics(ctx, c.Metrics, node, peers)
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-served:
			running--
		case err = <-met:
			running--
		}
		err = errors.Join(err, hide())
	}
	grace, stop := context.WithTimeout(context.WithoutCancel(ctx), shutdownWithin)
	defer stop()
	err = errors.Join(err, server.Shutdown(grace))
	part()
	for ; running > 0; running-- {
		select {
		case e := <-served:
			err = errors.Join(err, e)
		case e := <-met:
			err = errors.Join(err, e)
		}
	}
	return err
}
