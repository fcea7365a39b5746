package mtasts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func eachStore(t *testing.T, test func(t *testing.T, open func() Store)) {
	t.Run("memory", func(t *testing.T) {
		store := NewMemoryStore()
		test(t, func() Store { return store })
	})
	t.Run("file", func(t *testing.T) {
		directory := filepath.Join(t.TempDir(), "policies")
		test(t, func() Store {
			store, err := OpenFileStore(directory)
			if err != nil {
				t.Fatal(err)
			}
			return store
		})
	})
}

func TestStoreWritesUnderTheVersionThatWasRead(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() Store) {
		ctx, one, two := context.Background(), open(), open()
		first, err := one.Put(ctx, "a.test", []byte("first"), 0, 100)
		if err != nil || first == 0 {
			t.Fatal(first, err)
		}
		if _, err := two.Put(ctx, "a.test", []byte("late"), 0, 100); !errors.Is(err, ErrConflict) {
			t.Errorf("a second row for one domain: %v", err)
		}
		second, err := two.Put(ctx, "a.test", []byte("second"), first, 200)
		if err != nil || second == first {
			t.Fatal(second, err)
		}
		if err := one.Forget(ctx, "a.test", first); !errors.Is(err, ErrConflict) {
			t.Errorf("a row was deleted that another process had written: %v", err)
		}
		state, version, err := one.Get(ctx, "a.test")
		if string(state) != "second" || version != second || err != nil {
			t.Errorf("%q %d %v", state, version, err)
		}
		if err := one.Forget(ctx, "a.test", second); err != nil {
			t.Error(err)
		}
		if state, version, err := two.Get(ctx, "a.test"); state != nil || version != 0 || err != nil {
			t.Errorf("a deleted row: %q %d %v", state, version, err)
		}
		if again, err := two.Put(ctx, "a.test", []byte("again"), 0, 300); err != nil || again == first || again == second {
			t.Errorf("a version was used twice: %d %v", again, err)
		}
		if highest, err := one.HighWater(ctx); highest != 300 || err != nil {
			t.Errorf("high water %d %v", highest, err)
		}
		if domains, err := one.Domains(ctx); len(domains) != 1 || domains[0] != "a.test" || err != nil {
			t.Errorf("%v %v", domains, err)
		}
	})
}

func TestStoreLetsOneOfManyWritersWin(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() Store) {
		var won, lost int
		var mu sync.Mutex
		var group sync.WaitGroup
		for i := range 16 {
			group.Add(1)
			go func() {
				defer group.Done()
				_, err := open().Put(context.Background(), "a.test", []byte(fmt.Sprint(i)), 0, 1)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won++
				} else if errors.Is(err, ErrConflict) {
					lost++
				} else {
					t.Error(err)
				}
			}()
		}
		group.Wait()
		if won != 1 || lost != 15 {
			t.Errorf("%d won, %d lost", won, lost)
		}
	})
}

func TestFileStoreTellsDamageFromAbsence(t *testing.T) {
	directory := t.TempDir()
	store, err := OpenFileStore(directory)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if _, err := store.Put(ctx, "a.test", []byte("state"), 0, 1); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(directory, "a.test")
	row, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range row {
		damaged := append([]byte{}, row...)
		damaged[at] ^= 0x10
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		state, version, err := store.Get(ctx, "a.test")
		if !errors.Is(err, ErrDamaged) || state != nil || version == 0 {
			t.Fatalf("octet %d changed: %q %d %v", at, state, version, err)
		}
	}
	_, version, _ := store.Get(ctx, "a.test")
	if _, err := store.Put(ctx, "a.test", []byte("new"), version, 1); err != nil {
		t.Errorf("a damaged row cannot be replaced: %v", err)
	}
	for _, name := range []string{"../a.test", ".lock", "a/b.test", ""} {
		if _, err := store.Put(ctx, name, nil, 0, 1); !errors.Is(err, ErrNotADomain) {
			t.Errorf("%q was taken for a domain: %v", name, err)
		}
	}
}
