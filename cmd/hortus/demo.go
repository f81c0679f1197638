package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/hortusdb/hortus/cell"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/demo"
)

type demoCommand struct {
	Memory bool `help:"Keep the data in memory, so that no write waits for a disk."`
	Plain  bool `help:"Only ASCII, and no colours."`
}

func (d *demoCommand) Run(ctx context.Context) error {
	live := terminal(os.Stdout)
	o := demo.Options{
		Out: os.Stdout, Plain: d.Plain, Live: live, Colour: live && os.Getenv("NO_COLOR") == "",
		Start: d.start, Store: "on disk, in a directory of its own; each write is synced before it is acknowledged",
	}
	if d.Memory {
		o.Store = "in memory (--memory)"
	}
	return demo.Run(ctx, o)
}

// terminal reports whether somebody looks at f.
func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// start starts a server on a free port, with its data in a temporary directory
// that goes with it.
func (d *demoCommand) start(ctx context.Context) (url string, stop func() error, err error) {
	dir := ""
	if !d.Memory {
		if dir, err = os.MkdirTemp("", "hortus-demo-"); err != nil {
			return "", nil, err
		}
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	node, err := cell.OpenNode(ctx, cell.NodeOptions{Dir: dir, Clock: clock.Wall{}, Rand: newRand(), Logger: logger})
	if err != nil {
		return "", nil, errors.Join(err, removeAll(dir))
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, errors.Join(err, node.Close(), removeAll(dir))
	}
	server := newServer(node, nil, logger, "us-east-1")
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	stop = func() error {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownWithin)
		defer cancel()
		err := errors.Join(server.Shutdown(grace), node.Close(), removeAll(dir))
		select {
		case serveErr := <-served:
			return errors.Join(err, serveErr)
		case <-time.After(shutdownWithin):
			return errors.Join(err, fmt.Errorf("the server does not end within %s", clock.Words(shutdownWithin)))
		}
	}
	return "http://" + ln.Addr().String(), stop, nil
}

// removeAll removes a directory; "" is none.
func removeAll(dir string) error {
	if dir == "" {
		return nil
	}
	return os.RemoveAll(dir)
}
