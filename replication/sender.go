package replication

import (
	"context"
	"errors"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// Limits of a sender.
const (
	maxBatchBytes   = 256 << 10
	maxBatchEntries = table.MaxApply
	windowBytes     = 2 << 20 // Sent and not acknowledged, where the way takes it: see room.
	minRoom         = 32 << 10
	firstRoom       = 128 << 10   // Before anything is known of the way; less would be a slow start where it is short.
	queueAtMost     = time.Second // What is sent may wait on the way; more would be taken for lost, or be.
	maxFlights      = maxMail / 2 // Batches under way. More would be lost at a peer that is slow; so they grow instead.
	maxScan         = 20_000      // Entries of the log looked at for one batch.

	// gatherFor is how long after a batch the next one waits to grow: each costs
	// a message, a commit, a sync and an acknowledgement, however small it is. A
	// change that comes alone goes at once, and so does a backlog.
	gatherFor = 5 * time.Millisecond

	// gatherSlack is how much sooner it goes when something wakes the sender: the
	// two are timed apart, and would wait for one another in turn.
	gatherSlack = time.Millisecond

	resendAfter    = time.Second // Before a way and back has been measured.
	resendAtLeast  = 250 * time.Millisecond
	resendAtMost   = 8 * time.Second
	probeEvery     = 500 * time.Millisecond // A silent peer whose distance is known is tried at least so often.
	contactEvery   = 5 * time.Second        // An idle link says that it is there.
	checkAgain     = 500 * time.Millisecond // A denied link asks the policy again.
	persistAckAt   = time.Second
	retentionLimit = 24 * time.Hour // As long as AWS keeps a stream; see MaxBacklog.
)

// sender ships the local changes of one table to one other member.
type sender struct {
	mailbox
	r     *Replicator
	table string
	group string
	peer  aws.Cell

	started  bool
	stranger bool        // The peer answers that it has no such replica.
	run      uint64      // Of this cell.
	acked    kv.Position // What the peer has applied, as far as known.
	sent     kv.Position // What the peer has when all that was sent arrives.
	read     kv.Position // How far the log was read; between sent and read nothing is local.
	passed   kv.Position // The last entry that was read. A peer without contact is behind it by changes of others alone.
	flight   []flight
	bytes    int
	resend   time.Duration
	rtt      time.Duration // From a batch to its acknowledgement, smoothed; zero before the first.
	near     time.Duration // The shortest of these.
	room     int           // Bytes that may be in flight: more where acknowledgements come soon, less where they are late.
	sought   bool          // The peer waits to hear how far this side has come.
	silent   bool          // The peer let a batch go unanswered: it gets no more until it is heard.
	gap      bool          // It seems to miss something.
	asks     []ask         // Where it is. Unanswered, the last ones alone.
	asked    uint64        // How often it was asked.
	askedAt  time.Time     // When it was last asked.
	sentAt   time.Time     // When anything was last sent.
	heardAt  time.Time
	deniedAt time.Time   // When this side last had no leave to send.
	persist  kv.Position // The position that is kept in the log's reader.
	keptAt   time.Time
	life     string // Of the peer, as it last acknowledged.
	below    int    // Acknowledgements in a row, of one life, from before the log's start.
	leave    permission
	held     string              // What the peer waits for before it applies what has come.
	refused  string              // Why the peer does not apply what comes, in its words.
	denied   bool                // That it may not.
	failing  bool                // That it fails.
	told     *table.Inaccessible // What the peer said of itself.
	seeded   int                 // The part of the table that the peer has been seeded with, in percent.
	noticeAt time.Time           // When the peer was last told that this side has no leave to send.
	noticed  *table.Inaccessible // What it was told then.
	batches  int64
	batchAt  time.Time // When the last new batch was sent.
	full     bool      // The log had more than it took.
	filled   int       // How long that batch was.
	lost     bool      // Cut off by retention: the peer must be seeded again.
	shipped  int64
	lastTime int64 // Commit time of the last entry that was read.
}

type flight struct {
	to    kv.Position
	bytes int
	at    time.Time
	there bool // It has come, and is held: see Message.Held.
}

// ask is a question where the peer is. Once it is answered all that was sent before it
// has come, or is lost: the peer takes what it is sent in order.
type ask struct {
	number uint64
	sent   kv.Position // All up to it had been sent.
}

// step acknowledges, resends and sends as far as the window allows.
func (s *sender) step(ctx context.Context, now time.Time) (time.Time, error) {
	t := s.r.engine.Table(s.table)
	if !belongs(t, s.group, s.peer) {
		s.take()
		return time.Time{}, nil
	}
	if !s.started {
		err := s.begin(ctx, t, now)
		if err != nil || !s.started {
			return now.Add(time.Second), err
		}
	}
	for _, m := range s.listen(t) {
		if m.Run != 0 && m.Run != s.run {
			return now.Add(time.Second), s.askAgain(ctx, t)
		}
		err := s.goBack(ctx, t, m)
		s.acknowledge(m, now)
		if err = errors.Join(err, s.activate(ctx, t, m)); err != nil {
			return now.Add(time.Second), err
		}
	}
	if !s.leave.allows(s.r, t, readData, s.peer) {
		s.notice(t, now)
		return now.Add(checkAgain), nil
	}
	if !s.noticeAt.IsZero() {
		s.noticeAt, s.sentAt = time.Time{}, time.Time{} // Say at once that it is over.
	}
	s.overdue(t, now)
	for !s.lost && s.bytes < s.window() && len(s.flight) < maxFlights && !s.gathering(now) {
		sent, err := s.send(ctx, t, now)
		if err != nil {
			return now.Add(time.Second), err
		}
		if !sent {
			break
		}
	}
	if !s.lost && (len(s.flight) == 0 || s.held != "") && !now.Before(s.contactDue()) {
		s.transmit(t, now, max(s.sent, s.passed), nil)
	}
	if s.sought && !s.lost && len(s.flight) == 0 {
		s.transmit(t, now, max(s.sent, s.read), nil) // Between the two nothing is local.
	}
	s.sought = false
	return s.next(now), s.keep(ctx, t, now)
}

// listen takes what has come. Where the last of it says that the peer has no such
// replica, the keeper asks whether that is so.
func (s *sender) listen(t *table.Table) []*Message {
	var out []*Message
	for _, m := range s.take() {
		if s.stranger = m.Stranger; !m.Stranger {
			out = append(out, m)
		}
	}
	if s.stranger {
		s.r.rouseKeeper(t)
	}
	return out
}

// gathering reports whether the next batch waits to grow.
func (s *sender) gathering(now time.Time) bool {
	return !s.full && now.Before(s.batchAt.Add(gatherFor-gatherSlack))
}

// notice tells the peer that this side has no leave to send, and why.
func (s *sender) notice(t *table.Table, now time.Time) {
	s.deniedAt = now
	if !s.noticeAt.IsZero() && now.Sub(s.noticeAt) < contactEvery && s.noticed == t.Def.Inaccessible {
		return
	}
	s.noticeAt, s.noticed = now, t.Def.Inaccessible
	s.r.send(t.Def.Group, s.peer, &Message{
		Kind: Batch, Table: t.Def.Name, Group: s.group, Refused: s.leave.reason(), Denied: true, Inaccessible: t.Def.Inaccessible,
		Edition: t.Def.Edition,
	})
}

// begin starts once it can. What comes before tells nothing of how far the peer is,
// but that it is in use.
func (s *sender) begin(ctx context.Context, t *table.Table, now time.Time) error {
	if !astray(t, s.r.cell) {
		if err := s.start(ctx, t, now); err != nil || s.started {
			return err
		}
	}
	for _, m := range s.listen(t) {
		if err := s.activate(ctx, t, m); err != nil {
			return err
		}
	}
	return nil
}

// start takes up where the log's reader says, once the peer was met. There is none
// yet in the table of a newcomer: it ships its log from the beginning.
func (s *sender) start(ctx context.Context, t *table.Table, now time.Time) error {
	reader, err := s.reader(ctx, t)
	if err != nil {
		return err
	}
	if met, err := s.r.hasMet(ctx, t, s.peer); !met || err != nil {
		return err // The keeper asks.
	}
	if s.run, err = s.r.Present(ctx); err != nil {
		return err
	}
	s.lost = reader.Lost
	s.acked, s.sent, s.read, s.persist = reader.Position, reader.Position, reader.Position, reader.Position
	s.started, s.resend, s.keptAt, s.room = true, resendAfter, now, firstRoom
	return nil
}

// askAgain ends sending until the peer has been asked again: its cursor stands in
// another run, or stood there when it said so. Its store may have been put back, or it
// was seeded by a member that was not asked in this run.
func (s *sender) askAgain(ctx context.Context, t *table.Table) error {
	s.started, s.flight, s.bytes, s.held, s.asks, s.gap = false, nil, 0, "", nil, false
	err := s.r.forget(ctx, metKey(t, s.peer))
	s.r.rouseKeeper(t)
	return err
}

// reader returns the peer's cursor on the log. One that was cut off stays so.
func (s *sender) reader(ctx context.Context, t *table.Table) (changelog.Reader, error) {
	readers, err := t.Log.Readers(ctx)
	if err != nil {
		return changelog.Reader{}, err
	}
	for _, reader := range readers {
		if reader.Name == s.peer.String() {
			return reader, nil
		}
	}
	if err := s.r.setMet(ctx, t, s.peer); err != nil {
		return changelog.Reader{}, err
	}
	return t.Log.Register(ctx, s.peer.String(), 0)
}

// acknowledge takes in what the peer says that it has.
func (s *sender) acknowledge(m *Message, now time.Time) {
	s.measure(m, now)
	s.heardAt, s.refused, s.denied, s.failing = now, m.Refused, m.Denied, m.Failing
	s.told, s.sought = m.Inaccessible, s.sought || m.Wants
	if m.To < s.acked {
		return // An old one, that was overtaken.
	}
	s.hold(m)
	s.seeded = m.Seeded
	progress := m.To > s.acked
	s.acked = m.To
	for len(s.flight) > 0 && s.flight[0].to <= m.To {
		s.bytes -= s.flight[0].bytes
		s.flight = s.flight[1:]
	}
	switch {
	case m.To > s.sent: // It was told by another way: by its seed.
		s.sent, s.read = m.To, max(s.read, m.To)
	case s.misses(m):
		s.rewind()
	case !progress && m.Refused == "" && len(s.asks) == 0 && s.silentFor(now) > s.gapWait():
		s.gap = true // Or what it misses is on its way.
	}
	if len(s.flight) == 0 {
		s.asks = nil
	}
}

// misses reports whether the peer lacks something that was sent before the question
// which it answers.
func (s *sender) misses(m *Message) bool {
	for i, a := range s.asks {
		if a.number != m.Ask {
			continue
		}
		s.asks = s.asks[i+1:]
		return m.Refused == "" && s.there() < a.sent
	}
	return false
}

// there is up to where all has come to the peer, as far as known.
func (s *sender) there() kv.Position {
	if n, _ := s.heldFlights(); n > 0 {
		return s.flight[n-1].to
	}
	return s.acked
}

// hold notes what has come to the peer, and is held there. Only what has not is
// ever overdue.
func (s *sender) hold(m *Message) {
	s.held = m.Held
	for i := range s.flight {
		s.flight[i].there = m.Held != "" && s.flight[i].to <= m.From
	}
}

// heldFlights is how many batches at the front of the flight are held by the
// peer, and how long they are.
func (s *sender) heldFlights() (n, bytes int) {
	for n < len(s.flight) && s.flight[n].there {
		bytes += s.flight[n].bytes
		n++
	}
	return n, bytes
}

// silentFor is for how long the peer has not said what became of the first batch
// that it does not hold; zero where there is none.
func (s *sender) silentFor(now time.Time) time.Duration {
	if n, _ := s.heldFlights(); n < len(s.flight) {
		return now.Sub(s.flight[n].at)
	}
	return 0
}

// activate notes that the peer is seeded and in use.
func (s *sender) activate(ctx context.Context, t *table.Table, m *Message) error {
	if !m.Active || t.Def.Group.Member(s.peer).Status == table.Active {
		return nil
	}
	_, err := s.r.engine.Alter(ctx, s.table, func(d *table.Definition) error {
		if m := d.Group.Member(s.peer); m != nil {
			m.Status = table.Active
			d.Group.Forget(s.peer)
		}
		return nil
	})
	return err
}

// gapWait is how long an acknowledgement without progress is put down to
// messages that crossed, and batches that are still on their way.
func (s *sender) gapWait() time.Duration {
	if s.rtt == 0 {
		return resendAfter
	}
	return max(200*time.Millisecond, 2*s.rtt)
}

// measure takes an acknowledgement for a measure of the way and back. A batch that is
// sent again was lost before.
func (s *sender) measure(m *Message, now time.Time) {
	if len(s.flight) > 0 && s.flight[0].to <= m.To && s.held == "" {
		sample := now.Sub(s.flight[0].at)
		if s.rtt == 0 {
			s.rtt = sample
		}
		s.rtt += (sample - s.rtt) / 8
		s.resend = s.patience() // Not sooner: what was resent may be on its way twice.
		s.adapt(sample, m.To)
	}
	s.silent = false
}

// adapt makes room for more in flight while acknowledgements come soon, and for less
// when they are late: what is in flight then waits for what went before, on a way
// that takes no more. Where there is little in flight already the way has become
// longer.
func (s *sender) adapt(sample time.Duration, to kv.Position) {
	if s.near == 0 || sample < s.near {
		s.near = sample
	}
	late := s.near + queueAtMost
	switch {
	case sample <= late:
		for i := range s.flight {
			if s.flight[i].to <= to {
				s.room += s.flight[i].bytes
			}
		}
		s.room = min(s.room, windowBytes)
	case s.room <= minRoom:
		s.near = sample
	default:
		s.room = max(minRoom, int(float64(s.room)*late.Seconds()/sample.Seconds()))
	}
}

// patience is how long a batch may go unanswered.
func (s *sender) patience() time.Duration {
	if s.rtt == 0 {
		return resendAfter
	}
	return min(max(4*s.rtt, resendAtLeast), resendAtMost)
}

// window is how many bytes may be in flight.
func (s *sender) window() int {
	if s.silent || s.rtt == 0 {
		_, held := s.heldFlights()
		return held + 1
	}
	return s.room
}

// overdue asks where the peer is when nothing came back for long, or when it seems to
// miss something. What is not there need not be lost: a way that has become narrow
// takes long for it, and would take as long again for all that is sent twice. A peer
// that refuses what comes has it, and is tried.
func (s *sender) overdue(t *table.Table, now time.Time) {
	gap := s.gap
	s.gap = false
	if n, _ := s.heldFlights(); n == len(s.flight) || s.lost {
		return
	}
	if gap {
		s.ask(t, now)
		return
	}
	if min(s.silentFor(now), now.Sub(s.askedAt)) < s.resend {
		return
	}
	limit := resendAtMost
	if s.rtt > 0 {
		limit = max(probeEvery, s.patience())
	}
	s.resend, s.silent, s.room = min(2*s.resend, limit), true, max(minRoom, s.room/2)
	if s.refused != "" {
		s.rewind()
		return
	}
	s.ask(t, now)
}

// maxAsks is how many questions may be under way. On a way that takes longer than so
// many are apart the last of them are answered.
const maxAsks = 16

// ask asks where the peer is.
func (s *sender) ask(t *table.Table, now time.Time) {
	if len(s.asks) == maxAsks {
		s.asks = s.asks[1:]
	}
	s.asked++
	s.askedAt, s.asks = now, append(s.asks, ask{s.asked, s.sent})
	s.sentAt = now
	s.r.send(t.Def.Group, s.peer, &Message{
		Kind: Batch, Table: t.Def.Name, Group: s.group, Run: s.run, Edition: t.Def.Edition, Ask: s.asked,
	})
}

// rewind goes back to what is acknowledged, or held by the peer.
func (s *sender) rewind() {
	at := s.there()
	n, bytes := s.heldFlights()
	s.flight, s.bytes, s.asks = s.flight[:n], bytes, nil
	s.sent, s.read, s.passed = at, at, at
}

// belowAtMost is how often a peer has to say that it stands before the log's
// start until it is believed: one such message may be an old one.
const belowAtMost = 3

// goBack follows a peer that began a new life with less than it had before: it
// was restored from an earlier state. What it lacks is sent again, unless the
// log has it no more.
func (s *sender) goBack(ctx context.Context, t *table.Table, m *Message) error {
	if m.Life == s.life && s.below == 0 {
		return nil
	}
	known := s.life != ""
	s.life = m.Life
	if m.To >= s.acked || (!known && m.To >= s.persist) {
		s.below = 0
		return nil
	}
	start, err := t.Log.Start(ctx)
	if err != nil {
		return err
	}
	if m.To < start {
		if s.below++; s.below < belowAtMost {
			return nil
		}
		s.lost = true
		return t.Log.Rewind(ctx, s.peer.String(), s.persist, true)
	}
	s.below = 0
	return s.standAt(ctx, t, m.To)
}

// standAt goes back to where the peer is.
func (s *sender) standAt(ctx context.Context, t *table.Table, at kv.Position) error {
	if err := t.Log.Rewind(ctx, s.peer.String(), at, false); err != nil {
		return err
	}
	s.acked, s.persist, s.flight = at, at, nil
	s.rewind()
	return nil
}

// send reads the next piece of the log and ships what is local in it. It
// returns false when there was nothing to read.
func (s *sender) send(ctx context.Context, t *table.Table, now time.Time) (bool, error) {
	var entries []Entry
	size, scanned := 0, 0
	last, stopped := s.read, false
	var bad error
	buf := make([]byte, 0, s.filled)
	to, err := s.r.engine.Store().ReadLog(ctx, t.Log.ID, s.read, func(e kv.Entry) bool {
		// A batch ends between commits: a cursor cannot stand within one.
		full := scanned >= maxScan || len(entries) >= maxBatchEntries || size >= min(maxBatchBytes, s.room/2)
		if stopped = full && e.Position != last; stopped {
			return false
		}
		scanned++
		last = e.Position
		s.lastTime = e.Time
		var record []byte
		if record, bad = s.ships(&buf, e.Record); record != nil {
			entries = append(entries, Entry{e.Position, e.Time, record})
			size += len(record)
		}
		return bad == nil
	})
	if errors.Is(err, kv.ErrTrimmed) {
		s.lost = true
		return false, nil
	}
	if stopped {
		to = last
	}
	if err := errors.Join(err, bad); err != nil || to <= s.read {
		return false, err
	}
	s.read = to
	if scanned > 0 {
		s.passed = last
	}
	if len(entries) == 0 {
		return true, nil
	}
	s.flight = append(s.flight, flight{to: to, bytes: size, at: now})
	s.bytes += size
	s.transmit(t, now, to, entries)
	s.sent = to
	s.batches++
	s.batchAt, s.full, s.filled = now, stopped, size
	s.shipped += int64(size)
	return true, nil
}

// ships returns what is shipped of a record, put into the free end of buf where it
// has room: nil for what others wrote.
func (s *sender) ships(buf *[]byte, record []byte) ([]byte, error) {
	version, cause, err := changelog.Head(record, s.r.engine.Decoder())
	if err != nil || !s.r.engine.Local(version) || cause == changelog.Replica {
		return nil, err
	}
	rec, err := changelog.Decode(record, s.r.engine.Decoder())
	if err != nil {
		return nil, err
	}
	if cap(*buf)-len(*buf) < len(record) {
		*buf = make([]byte, 0, max(len(record), min(2*cap(*buf), maxBatchBytes)))
	}
	at := len(*buf)
	*buf = changelog.AppendWithoutOld(*buf, record, &rec)
	return (*buf)[at:len(*buf):len(*buf)], nil
}

func (s *sender) transmit(t *table.Table, now time.Time, to kv.Position, entries []Entry) {
	s.sentAt = now
	m := &Message{Kind: Batch, Table: t.Def.Name, Group: s.group, From: s.sent, To: to, Entries: entries, Run: s.run}
	if len(entries) == 0 {
		m.Edition = t.Def.Edition
	}
	s.r.send(t.Def.Group, s.peer, m)
}

// keep moves the durable cursor of the log, now and then. It is never past what
// the peer has acknowledged: a batch that is sent after a restart stands behind
// it, and the peer takes only what stands behind its own cursor.
func (s *sender) keep(ctx context.Context, t *table.Table, now time.Time) error {
	if s.acked <= s.persist || now.Sub(s.keptAt) < persistAckAt {
		return nil
	}
	s.keptAt = now
	if err := t.Log.Advance(ctx, s.peer.String(), s.acked); err != nil {
		return err
	}
	s.persist = s.acked
	return nil
}

// contactDue is when an idle link says that it is there. It is the same moment for
// all links of all cells, so that what goes to one node goes together.
func (s *sender) contactDue() time.Time { return s.sentAt.Truncate(contactEvery).Add(contactEvery) }

func (s *sender) next(now time.Time) time.Time {
	next := s.contactDue()
	if n, _ := s.heldFlights(); n < len(s.flight) {
		if at := later(s.flight[n].at, s.askedAt).Add(s.resend); s.held == "" || at.Before(next) {
			next = at
		}
	}
	if s.gathering(now) {
		if at := s.batchAt.Add(gatherFor); at.Before(next) {
			next = at
		}
	}
	if s.persist < s.acked {
		if k := s.keptAt.Add(persistAckAt); k.Before(next) {
			next = k
		}
	}
	if !next.After(now) {
		next = now.Add(resendAfter)
	}
	return next
}
