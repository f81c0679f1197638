package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/hortusdb/hortus/aws"
)

// clockPath is where a node is told how far the clock of deadlines is ahead.
const clockPath = "/1/clock"

// maxClock bounds what is said about a clock, in bytes.
const maxClock = 4 << 10

// clockNotice tells how far the clock of deadlines is ahead of the machine's at the
// node that asks. Zero only looks.
type clockNotice struct {
	Format int           `json:"format"`
	Ahead  time.Duration `json:"ahead"` // In nanoseconds.
}

// clockReply tells how far it is ahead at the node that was asked, by now, and why it
// was not moved on.
type clockReply struct {
	Format int           `json:"format"`
	Ahead  time.Duration `json:"ahead"`
	Error  *aws.Error    `json:"error,omitempty"`
}

// ClockStatus is how far the clock of deadlines is ahead at another node.
type ClockStatus struct {
	Cells []aws.Cell // Of the node.
	Ahead time.Duration
	Err   error // Why it was not moved on, or is not known.
}

// MoveClocks has all other nodes move their clock of deadlines on, to as far as it is
// ahead here: those that are there for rehearsals, too, do. Zero only looks.
func (p *Peers) MoveClocks(ctx context.Context, ahead time.Duration) []ClockStatus {
	out := make([]ClockStatus, len(p.links))
	var asked sync.WaitGroup
	for i, l := range p.links {
		asked.Go(func() {
			out[i].Cells = l.node.Cells
			out[i].Ahead, out[i].Err = l.moveClock(ctx, ahead)
		})
	}
	asked.Wait()
	return out
}

func (l *link) moveClock(ctx context.Context, ahead time.Duration) (time.Duration, error) {
	b, err := json.Marshal(clockNotice{formatVersion, ahead})
	if err != nil {
		return 0, fmt.Errorf("peer: clock: %w", err)
	}
	ctx, stop := context.WithTimeout(ctx, callWithin)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+l.node.Address+clockPath, bytes.NewReader(b))
	if err != nil {
		return 0, fmt.Errorf("peer: clock: %w", err)
	}
	answer, err := l.calls.RoundTrip(req)
	if err != nil {
		l.options.Logger.Warn("the clock of a peer is not known", "address", l.node.Address, "error", err)
		return 0, errors.New("the node does not answer")
	}
	defer answer.Body.Close()
	if b, err = io.ReadAll(io.LimitReader(answer.Body, maxClock)); err != nil {
		return 0, errors.New("the node does not answer")
	}
	if answer.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("the node answers %s: %s", answer.Status, bytes.TrimSpace(b))
	}
	var r clockReply
	if err := strict(b, &r); err != nil {
		return 0, err
	}
	if r.Error != nil {
		return r.Ahead, r.Error
	}
	return r.Ahead, nil
}

// clock serves another node that moves the clock on, or looks.
func (p *Peers) clock(w http.ResponseWriter, r *http.Request, by *caller) {
	if p.calls == nil || !p.knows(by) {
		p.dropped.add(1)
		http.Error(w, "peer: this node's clock is no matter of that node", http.StatusForbidden)
		return
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxClock))
	var q clockNotice
	if err == nil {
		err = strict(b, &q)
	}
	if err == nil && (q.Format != formatVersion || q.Ahead < 0) {
		err = ErrMalformed
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out := clockReply{Format: formatVersion}
	if out.Ahead, err = p.calls.MoveClock(q.Ahead); err != nil {
		out.Error = answerOf(nil, err).Error
		if out.Error == nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	if b, err = json.Marshal(out); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b) // A caller that is gone asks again.
}

// knows reports whether a certificate is that of a node of the configuration: it
// names a cell of one.
func (p *Peers) knows(by *caller) bool {
	for _, l := range p.links {
		for _, c := range l.node.Cells {
			if by.cells[c] {
				return true
			}
		}
	}
	return false
}
