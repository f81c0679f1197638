package replication

import "sync"

// maxMail is how many messages wait for one link; more are lost, and come
// again.
const maxMail = 64

// mailbox holds what has come for a link until its step takes it.
type mailbox struct {
	mu     sync.Mutex
	mail   []*Message
	roused bool          // A turn is due, with mail or without.
	wake   chan struct{} // Has room for one.
}

func newMailbox() mailbox { return mailbox{wake: make(chan struct{}, 1)} }

// put adds a message and wakes the owner.
func (b *mailbox) put(m *Message) {
	b.mu.Lock()
	if len(b.mail) < maxMail {
		b.mail = append(b.mail, m)
	}
	b.mu.Unlock()
	b.rouse()
}

// rouse wakes the owner.
func (b *mailbox) rouse() {
	b.mu.Lock()
	b.roused = true
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take empties the box.
func (b *mailbox) take() []*Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	mail := b.mail
	b.mail, b.roused = nil, false
	return mail
}

// waiting reports whether a turn is due.
func (b *mailbox) waiting() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.roused
}
