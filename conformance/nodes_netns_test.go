//go:build conformance && linux

package conformance

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// wired is two nodes in network namespaces of their own, with a wire between them
// and one from each to the test.
type wired struct {
	*nodes
	names [2]string
}

// peerAddress is that of a node on the wire to the other one.
func peerAddress(i int) string { return fmt.Sprintf("10.213.0.%d", i+1) }

// ip runs the command of that name; in a namespace where one is named.
func ip(namespace string, args ...string) error {
	if namespace != "" {
		args = append([]string{"-n", namespace}, args...)
	}
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// newWired makes the namespaces and starts a node in each; it skips the test where
// the machine does not allow that.
func newWired(t *testing.T) *wired {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may make network namespaces")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("there is no ip command: ", err)
	}
	w := &wired{nodes: &nodes{t: t, dir: t.TempDir(), ways: map[[2]int]*way{}}}
	id := os.Getpid() % 10_000
	for i := range w.names {
		w.names[i] = fmt.Sprintf("hortus-%d-%d", id, i)
		if err := ip("", "netns", "add", w.names[i]); err != nil {
			t.Skip("no network namespace can be made: ", err)
		}
		t.Cleanup(func() { _ = ip("", "netns", "del", w.names[i]) })
	}
	must := func(namespace string, args ...string) {
		t.Helper()
		if err := ip(namespace, args...); err != nil {
			t.Skip("the namespaces cannot be connected: ", err)
		}
	}
	must("", "link", "add", "peer", "netns", w.names[0], "type", "veth", "peer", "name", "peer", "netns", w.names[1])
	for i, name := range w.names {
		outer := fmt.Sprintf("hc%d-%d", id, i)
		must("", "link", "add", outer, "type", "veth", "peer", "name", "client", "netns", name)
		t.Cleanup(func() { _ = ip("", "link", "del", outer) })
		must("", "addr", "add", fmt.Sprintf("10.214.%d.1/24", i), "dev", outer)
		must("", "link", "set", outer, "up")
		must(name, "addr", "add", fmt.Sprintf("10.214.%d.2/24", i), "dev", "client")
		must(name, "addr", "add", peerAddress(i)+"/24", "dev", "peer")
		for _, dev := range []string{"lo", "client", "peer"} {
			must(name, "link", "set", dev, "up")
		}
	}
	w.run("cert", "ca", "--out", w.dir)
	for i, p := range threePlaces[:2] {
		n := &node{
			place: p, listen: fmt.Sprintf("10.214.%d.2:8000", i), met: peerAddress(i) + ":9000",
			config: w.dir + "/" + p.region + ".json", within: []string{"ip", "netns", "exec", w.names[i]},
		}
		w.run("cert", "node", p.region, "--cell", p.account+"/"+p.region, "--ca", w.dir, "--out", w.dir)
		w.all = append(w.all, n)
	}
	for i, n := range w.all {
		other := w.all[1-i]
		w.configure(n, n.region+"-data", []object{{"address": other.met, "cells": []object{{"account": other.account, "region": other.region}}}})
		w.start(i)
	}
	return w
}

// cut drops the packets that a node sends to the other one, and no others: they go
// to an address of Ethernet that nobody has. Nobody is told.
func (w *wired) cut(from int) {
	w.t.Helper()
	if err := ip(w.names[from], "neigh", "replace", peerAddress(1-from), "lladdr", "02:00:00:00:00:99", "dev", "peer", "nud", "permanent"); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wired) heal(from int) {
	w.t.Helper()
	if err := ip(w.names[from], "neigh", "del", peerAddress(1-from), "dev", "peer"); err != nil {
		w.t.Fatal(err)
	}
}

// TestNodesPackets: packets of one direction between two nodes are lost, then those
// of the other, then all. Both nodes take writes meanwhile and say that there is no
// contact; once packets pass, both have all.
func TestNodesPackets(t *testing.T) {
	ctx := deadline(t)
	w := newWired(t)
	clients := w.join(ctx, "Orders")
	written := 0
	both := func(what string) {
		for i, c := range clients {
			put(deadline(t), t, c, "Orders", attributes{"id": str(fmt.Sprintf("%s by %d", what, i))})
			written++
		}
	}
	both("before")
	converged(ctx, t, clients, "Orders")
	for _, cut := range [][]int{{0}, {1}, {0, 1}} {
		for _, from := range cut {
			w.cut(from)
		}
		both(fmt.Sprint("while cut ", cut))
		eventually(t, fmt.Sprint("with what is sent by ", cut, " lost there is no contact"), func() bool {
			return strings.Contains(w.as(w.all[0], "replication", "status"), "NO_CONTACT") &&
				strings.Contains(w.as(w.all[1], "replication", "status"), "NO_CONTACT")
		})
		both(fmt.Sprint("while out of contact ", cut))
		for _, from := range cut {
			w.heal(from)
		}
		converged(deadline(t), t, clients, "Orders")
	}
	if got := len(scanAll(deadline(t), t, clients[0], "Orders", "")); got != written {
		t.Errorf("%d items, want %d", got, written)
	}
	w.end()
}
