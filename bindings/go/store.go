package mtasts

import (
	"context"
	"errors"
	"sort"
	"sync"
)

// ErrConflict says that a row was written by somebody else since it was read: read it again and step the same event again.
var ErrConflict = errors.New("mtasts: the stored state has changed")

// ErrDamaged says that a row is there and cannot be read. That is not "no row".
var ErrDamaged = errors.New("mtasts: the stored state is damaged")

// Store keeps the core's octets for each Policy Domain. Writes are compare-and-swap on a version and durable when they
// return. Versions are never used twice for a domain; 0 is "no row".
type Store interface {
	// Get reads a row: nil and 0 when there is none, ErrDamaged and its version when it cannot be read.
	Get(ctx context.Context, domain string) (state []byte, version uint64, err error)
	// Put writes a row that still has the expected version; ErrConflict otherwise. now is Unix time for HighWater.
	Put(ctx context.Context, domain string, state []byte, expected uint64, now uint32) (version uint64, err error)
	// Forget deletes a row that still has the expected version; ErrConflict otherwise.
	Forget(ctx context.Context, domain string, expected uint64) error
	// Domains lists every row there is.
	Domains(ctx context.Context) ([]string, error)
	// HighWater is the highest now that was ever written, 0 for a new store.
	HighWater(ctx context.Context) (uint32, error)
}

// MemoryStore forgets everything when the process ends, and with it every protection against an attacker who answers
// first. It is for tests.
type MemoryStore struct {
	mu        sync.Mutex
	rows      map[string]memoryRow
	last      uint64
	highWater uint32
}

type memoryRow struct {
	state   []byte
	version uint64
}

// NewMemoryStore makes an empty store.
func NewMemoryStore() *MemoryStore { return &MemoryStore{rows: map[string]memoryRow{}} }

// Get is a Store's.
func (store *MemoryStore) Get(_ context.Context, domain string) ([]byte, uint64, error) {
	store.mu.Lock()
	defer store.mu.Unlock()
	row := store.rows[domain]
	return row.state, row.version, nil
}

// Put is a Store's.
func (store *MemoryStore) Put(_ context.Context, domain string, state []byte, expected uint64, now uint32) (uint64, error) {
	store.mu.Lock()
	defer store.mu.Unlock()
	if store.rows[domain].version != expected {
		return 0, ErrConflict
	}
	store.last++
	store.highWater = max(store.highWater, now)
	store.rows[domain] = memoryRow{append([]byte{}, state...), store.last}
	return store.last, nil
}

// Forget is a Store's.
func (store *MemoryStore) Forget(_ context.Context, domain string, expected uint64) error {
	store.mu.Lock()
	defer store.mu.Unlock()
	if store.rows[domain].version != expected {
		return ErrConflict
	}
	delete(store.rows, domain)
	return nil
}

// Domains is a Store's.
func (store *MemoryStore) Domains(context.Context) ([]string, error) {
	store.mu.Lock()
	defer store.mu.Unlock()
	var domains []string
	for domain := range store.rows {
		domains = append(domains, domain)
	}
	sort.Strings(domains)
	return domains, nil
}

// HighWater is a Store's.
func (store *MemoryStore) HighWater(context.Context) (uint32, error) {
	store.mu.Lock()
	defer store.mu.Unlock()
	return store.highWater, nil
}
