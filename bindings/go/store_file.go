//go:build unix

package mtasts

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// FileStore is a directory with a file for each domain, written whole: into a temporary file, fsync, rename, fsync of the
// directory. Several processes may share it; a lock on the file .lock makes their writes take turns.
type FileStore struct {
	mu        sync.Mutex
	directory string
}

// A row is these four octets, the version, the length of the state and a CRC-32 of all of it, then the state.
const rowMagic = "MSG1"

const (
	rowVersion = 4
	rowLength  = 12
	rowSum     = 16
	rowHead    = 20
)

const highWaterFile = ".high-water"

// OpenFileStore makes the directory when it is not there. Nobody but its owner may write to it.
func OpenFileStore(directory string) (*FileStore, error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, err
	}
	return &FileStore{directory: directory}, nil
}

// path: a canonical domain has letters, digits, hyphens and dots, and no leading dot.
func (store *FileStore) path(domain string) (string, error) {
	if canonical, err := Canonical(domain); err != nil || canonical != domain {
		return "", ErrNotADomain
	}
	return filepath.Join(store.directory, domain), nil
}

// locked runs a task while no other process and no other goroutine writes.
func (store *FileStore) locked(task func() error) error {
	store.mu.Lock()
	defer store.mu.Unlock()
	lock, err := os.OpenFile(filepath.Join(store.directory, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	return task()
}

func rowSumOf(row []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(row[:rowSum]), crc32.IEEETable, row[rowHead:])
}

// read gives a row; one that is damaged has a version made of its octets, under which it can be replaced.
func (store *FileStore) read(path string) ([]byte, uint64, error) {
	row, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	sound := len(row) >= rowHead && string(row[:4]) == rowMagic &&
		int(binary.LittleEndian.Uint32(row[rowLength:])) == len(row)-rowHead &&
		binary.LittleEndian.Uint32(row[rowSum:]) == rowSumOf(row)
	if !sound {
		return nil, 1<<63 | uint64(crc32.ChecksumIEEE(row)), ErrDamaged
	}
	return row[rowHead:], binary.LittleEndian.Uint64(row[rowVersion:]), nil
}

// Get is a Store's.
func (store *FileStore) Get(_ context.Context, domain string) ([]byte, uint64, error) {
	path, err := store.path(domain)
	if err != nil {
		return nil, 0, err
	}
	return store.read(path)
}

// unchanged says whether a row still has the version that was read.
func (store *FileStore) unchanged(path string, expected uint64) error {
	_, version, err := store.read(path)
	if err != nil && !errors.Is(err, ErrDamaged) {
		return err
	}
	if version != expected {
		return ErrConflict
	}
	return nil
}

// Put is a Store's.
func (store *FileStore) Put(_ context.Context, domain string, state []byte, expected uint64, now uint32) (uint64, error) {
	path, err := store.path(domain)
	if err != nil {
		return 0, err
	}
	var version uint64
	err = store.locked(func() error {
		if err := store.unchanged(path, expected); err != nil {
			return err
		}
		// Grows with time, so that a row that was deleted and made again never has an old version.
		version = max(expected&^(1<<63)+1, uint64(time.Now().UnixNano()))
		if err := store.raiseHighWater(now); err != nil {
			return err
		}
		return store.write(path, rowOf(state, version))
	})
	return version, err
}

func rowOf(state []byte, version uint64) []byte {
	row := make([]byte, rowHead, rowHead+len(state))
	copy(row, rowMagic)
	binary.LittleEndian.PutUint64(row[rowVersion:], version)
	binary.LittleEndian.PutUint32(row[rowLength:], uint32(len(state)))
	row = append(row, state...)
	binary.LittleEndian.PutUint32(row[rowSum:], rowSumOf(row))
	return row
}

func (store *FileStore) write(path string, content []byte) error {
	temporary, err := os.CreateTemp(store.directory, ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(content)
	if err == nil {
		err = temporary.Sync()
	}
	if err = errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary.Name(), path); err != nil {
		return err
	}
	return store.syncDirectory()
}

func (store *FileStore) syncDirectory() error {
	directory, err := os.Open(store.directory)
	if err != nil {
		return err
	}
	defer directory.Close()
	return directory.Sync()
}

// Forget is a Store's.
func (store *FileStore) Forget(_ context.Context, domain string, expected uint64) error {
	path, err := store.path(domain)
	if err != nil {
		return err
	}
	return store.locked(func() error {
		if err := store.unchanged(path, expected); err != nil || expected == 0 {
			return err
		}
		if err := os.Remove(path); err != nil {
			return err
		}
		return store.syncDirectory()
	})
}

// Domains is a Store's.
func (store *FileStore) Domains(context.Context) ([]string, error) {
	entries, err := os.ReadDir(store.directory)
	if err != nil {
		return nil, err
	}
	var domains []string
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") {
			domains = append(domains, entry.Name())
		}
	}
	return domains, nil
}

// HighWater is a Store's.
func (store *FileStore) HighWater(context.Context) (uint32, error) {
	octets, err := os.ReadFile(filepath.Join(store.directory, highWaterFile))
	if errors.Is(err, fs.ErrNotExist) || (err == nil && len(octets) != 4) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(octets), nil
}

// raiseHighWater writes at most once a minute: a clock that goes back by less does no harm.
func (store *FileStore) raiseHighWater(now uint32) error {
	held, err := store.HighWater(context.Background())
	if err != nil || now < held || now-held < 60 {
		return err
	}
	return store.write(filepath.Join(store.directory, highWaterFile), binary.LittleEndian.AppendUint32(nil, now))
}
