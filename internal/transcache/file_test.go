//go:build linux

package transcache

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"golang.org/x/sys/unix"
)

const testName = "program" + Ext

// dirFor returns a directory for a test.
func dirFor(t *testing.T) string {
	t.Helper()
	old := debug.SetPanicOnFault(true) // as guest threads have it
	t.Cleanup(func() { debug.SetPanicOnFault(old) })
	dir := filepath.Join(t.TempDir(), "cache")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t *testing.T, dir string) *File {
	f := Open(Place{Dir: dir, Name: testName, Config: [32]byte{7}}, false)
	t.Cleanup(f.Close)
	return f
}

// data is what tests store under a key.
func data(key uint64) []byte {
	return bytes.Repeat([]byte(fmt.Sprintf("<%d>", key)), int(key%50))
}

// fill adds the keys from first up to end, and saves them.
func fill(t *testing.T, f *File, first, end uint64) {
	t.Helper()
	for key := first; key < end; key++ {
		f.Add(key, data(key), 1)
	}
	if n, err := f.Save(); err != nil || n != int(end-first) {
		t.Fatalf("saved %d: %v", n, err)
	}
}

// count is how many of the keys from first up to end a file has. What it has must be right.
func count(t *testing.T, f *File, first, end uint64) (n int) {
	t.Helper()
	for key := first; key < end; key++ {
		got, ok := f.Get(key, nil)
		if !ok {
			continue
		}
		n++
		if !bytes.Equal(got, data(key)) {
			t.Errorf("key %d has %q", key, got)
		}
		if !f.Has(key) {
			t.Errorf("has no key %d", key)
		}
	}
	return n
}

// TestSave: what was saved is found, what was added in a further run as well, and nothing else.
func TestSave(t *testing.T) {
	dir := dirFor(t)
	f := open(t, dir)
	if !f.Empty() || count(t, f, 0, 100) != 0 {
		t.Error("entries in no file")
	}
	fill(t, f, 0, 100)
	f = open(t, dir)
	if n := count(t, f, 0, 200); n != 100 {
		t.Errorf("%d of 100 entries", n)
	}
	fill(t, f, 100, 300)
	if n := count(t, open(t, dir), 0, 400); n != 300 {
		t.Errorf("%d of 300 entries", n)
	}
	if list, _ := os.ReadDir(dir); len(list) != 1 {
		t.Errorf("left %v", list)
	}
}

// TestSaveTwice: a process that goes on after saving, or that another one has been faster than, loses nothing of either.
func TestSaveTwice(t *testing.T) {
	dir := dirFor(t)
	a, b := open(t, dir), open(t, dir)
	fill(t, a, 0, 50)
	fill(t, b, 50, 100)
	fill(t, a, 100, 150)
	if n := count(t, open(t, dir), 0, 200); n != 150 {
		t.Errorf("%d of 150 entries", n)
	}
}

// TestSaveSame: what another process has saved meanwhile is not saved again.
func TestSaveSame(t *testing.T) {
	dir := dirFor(t)
	a, b := open(t, dir), open(t, dir)
	fill(t, a, 0, 100)
	for key := range uint64(100 + least - 1) {
		b.Add(key, data(key), 1)
	}
	if n, err := b.Save(); err != ErrNot {
		t.Errorf("saved %d: %v", n, err)
	}
	b.Add(1000, data(1000), 1)
	if n, err := b.Save(); err != nil || n != 100+least {
		t.Errorf("saved %d: %v", n, err)
	}
}

// TestReplace: what is added takes the place of what had the key.
func TestReplace(t *testing.T) {
	dir := dirFor(t)
	f := open(t, dir)
	for key := range uint64(50) {
		f.Add(key, []byte("old"), 1)
	}
	if _, err := f.Save(); err != nil {
		t.Fatal(err)
	}
	fill(t, open(t, dir), 0, 50)
	if n := count(t, open(t, dir), 0, 50); n != 50 {
		t.Errorf("%d of 50 entries", n)
	}
}

// TestSaveNot: little is not worth the while, nor is anything that was added before a fork.
func TestSaveNot(t *testing.T) {
	dir := dirFor(t)
	f := open(t, dir)
	for key := range uint64(least - 1) {
		f.Add(key, data(key), 1)
	}
	if n, err := f.Save(); err != ErrNot {
		t.Errorf("saved %d: %v", n, err)
	}
	f.Add(least, nil, 1)
	f.Forget()
	if n, err := f.Save(); err != ErrNot {
		t.Errorf("after a fork, saved %d: %v", n, err)
	}
	fill(t, f, 0, 5000)
	f = open(t, dir)
	for key := range uint64(least) {
		f.Add(10000+key, nil, 1)
	}
	if n, err := f.Save(); err != ErrNot {
		t.Errorf("saved %d beside 5000: %v", n, err)
	}
}

// TestLimit: where there is too much, what was used last stays.
func TestLimit(t *testing.T) {
	dir := dirFor(t)
	fill(t, open(t, dir), 0, 100)
	f := open(t, dir)
	count(t, f, 10, 20)
	for key := uint64(100); key < 110; key++ {
		f.Add(key, data(key), 1)
	}
	size := 0
	for key := uint64(10); key < 20; key++ {
		size += padded(len(data(key))) + padded(len(data(key+90)))
	}
	fd, err := openDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := f.collect(open(t, dir), size).write(fd, f.place); err != nil {
		t.Fatal(err)
	}
	f = open(t, dir)
	if used, added, others := count(t, f, 10, 20), count(t, f, 100, 110), count(t, f, 0, 10)+count(t, f, 20, 100); used != 10 || added != 10 || others != 0 {
		t.Errorf("%d of 10 that were used, %d of 10 that are new, %d others", used, added, others)
	}
}

// TestDamage: whatever happens to a file, entries are right or not there, and what is saved with them is.
func TestDamage(t *testing.T) {
	dir := dirFor(t)
	fill(t, open(t, dir), 0, 100)
	name := filepath.Join(dir, testName)
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	least := 100
	for range 300 {
		b := bytes.Clone(whole)
		switch r.IntN(4) {
		case 0:
			b = b[:r.IntN(len(b))]
		case 1:
			b = append(b, 0)
		default:
			for range 1 + r.IntN(8) {
				b[r.IntN(len(b))] = byte(r.Uint32())
			}
		}
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		f := open(t, dir)
		least = min(least, count(t, f, 0, 200))
		fill(t, f, 200, 300)
		if n := count(t, open(t, dir), 200, 300); n != 100 {
			t.Errorf("%d of 100 new entries", n)
		}
		f.Close()
	}
	if least == 100 {
		t.Error("nothing was damaged")
	}
}

// TestHostile: offsets and sizes of which the checksums are right lead nowhere.
func TestHostile(t *testing.T) {
	dir := dirFor(t)
	for _, edit := range []func(h *header, index []byte){
		func(h *header, index []byte) { h.slots = 0 },
		func(h *header, index []byte) { h.slots = 3 },
		func(h *header, index []byte) { h.end = h.size },
		func(h *header, index []byte) { h.end -= entryAlign },
		func(h *header, index []byte) { h.size = 1 << 31 },
		func(h *header, index []byte) {
			for n := range index {
				index[n] |= 0xf8
			}
		},
	} {
		fill(t, open(t, dir), 0, 40)
		name := filepath.Join(dir, testName)
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		h, ok := decodeHeader(b, int64(len(b)), [32]byte{7})
		if !ok {
			t.Fatal("a header that is not one")
		}
		edit(&h, b[h.end:])
		copy(b, h.encode())
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if n := count(t, open(t, dir), 0, 100); n != 0 {
			t.Errorf("%d entries", n)
		}
		_ = os.Remove(name)
	}
}

// TestTruncate: a file that becomes shorter while it is mapped is as one that was.
func TestTruncate(t *testing.T) {
	dir := dirFor(t)
	fill(t, open(t, dir), 0, 1000)
	f := open(t, dir)
	if err := os.Truncate(filepath.Join(dir, testName), 0); err != nil {
		t.Fatal(err)
	}
	if n := count(t, f, 0, 1000); n != 0 || f.Has(1) {
		t.Errorf("%d entries", n)
	}
	fill(t, f, 1000, 1100)
	if n := count(t, open(t, dir), 1000, 1100); n != 100 {
		t.Errorf("%d of 100 new entries", n)
	}
}

// TestTrust: what others may write to, or what is not the file itself, is not used, and left as it is.
func TestTrust(t *testing.T) {
	for name, spoil := range map[string]func(dir, file string) error{
		"directory": func(dir, file string) error { return os.Chmod(dir, 0o777) },
		"file":      func(dir, file string) error { return os.Chmod(file, 0o620) },
		"link": func(dir, file string) error {
			return cmpErr(os.Rename(file, dir+"/other"), os.Symlink("other", file))
		},
		"directory link": func(dir, file string) error {
			return cmpErr(os.Rename(dir, dir+"2"), os.Symlink(dir+"2", dir))
		},
		"owner":     func(dir, file string) error { return os.Chown(file, 1, -1) },
		"dir owner": func(dir, file string) error { return os.Chown(dir, 1, -1) },
		"FIFO":      func(dir, file string) error { return cmpErr(os.Remove(file), unix.Mkfifo(file, 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := dirFor(t)
			fill(t, open(t, dir), 0, 100)
			err := spoil(dir, filepath.Join(dir, testName))
			if errors.Is(err, unix.EPERM) && os.Geteuid() != 0 {
				t.Skip("only root can give files away")
			} else if err != nil {
				t.Fatal(err)
			}
			if n := count(t, open(t, dir), 0, 100); n != 0 {
				t.Errorf("%d entries", n)
			}
		})
	}
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// TestConfig: entries of another configuration are not there.
func TestConfig(t *testing.T) {
	dir := dirFor(t)
	fill(t, open(t, dir), 0, 100)
	f := Open(Place{Dir: dir, Name: testName, Config: [32]byte{8}}, false)
	if n := count(t, f, 0, 100); n != 0 {
		t.Errorf("%d entries", n)
	}
}

// TestCreate: the directory is made where that is wanted, and nowhere else.
func TestCreate(t *testing.T) {
	dir := filepath.Join(dirFor(t), "a", "b")
	fill := func(create bool) error {
		f := Open(Place{Dir: dir, Name: testName}, create)
		for key := range uint64(least) {
			f.Add(key, nil, 1)
		}
		_, err := f.Save()
		return err
	}
	if err := fill(false); err != unix.ENOENT {
		t.Errorf("without a directory: %v", err)
	}
	if err := fill(true); err != nil {
		t.Error(err)
	}
	other := t.TempDir()
	if os.Chown(other, 1, -1) != nil {
		return // not root
	}
	dir = filepath.Join(other, "a", "b")
	if err := fill(true); err != unix.ENOENT {
		t.Errorf("in a directory of somebody else: %v", err)
	}
}

// TestBusy: while somebody else saves, nobody waits.
func TestBusy(t *testing.T) {
	dir := dirFor(t)
	fd, err := openDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Flock(fd, unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	f := open(t, dir)
	for key := range uint64(100) {
		f.Add(key, nil, 1)
	}
	if n, err := f.Save(); err != ErrNot {
		t.Errorf("saved %d: %v", n, err)
	}
}

// TestPrune: those files go first that were used least lately, and what has been left behind.
func TestPrune(t *testing.T) {
	dir := dirFor(t)
	age := func(name string, minutes int64) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, make([]byte, 100), 0o600); err != nil {
			t.Fatal(err)
		}
		var now unix.Timeval
		_ = unix.Gettimeofday(&now)
		at := unix.NsecToTimeval((now.Sec - 60*minutes) * 1e9)
		if err := unix.Utimes(path, []unix.Timeval{at, at}); err != nil {
			t.Fatal(err)
		}
	}
	for n := range int64(5) {
		age(fmt.Sprintf("%d%s", n, Ext), 10-n)
	}
	age(tempPrefix+"1", 100)
	age(tempPrefix+"2", 1)
	age("something else", 1000)
	fd, err := openDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	prune(fd, 250)
	var left []string
	list, _ := os.ReadDir(dir)
	for _, e := range list {
		left = append(left, e.Name())
	}
	if got, want := fmt.Sprint(left), fmt.Sprint([]string{"3" + Ext, "4" + Ext, tempPrefix + "2", "something else"}); got != want {
		t.Errorf("left %s, want %s", got, want)
	}
}

// TestHold: who holds the file saves it without opening anything, who has it open meanwhile finds nothing that
// is not whole, and who opens it after finds all.
func TestHold(t *testing.T) {
	dir, moved := dirFor(t), filepath.Join(t.TempDir(), "moved")
	fill(t, open(t, dir), 0, 100)
	reader, replaced, f := open(t, dir), open(t, dir), open(t, dir)
	f.Hold()
	replaced.Hold()
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	fill(t, f, 100, 200)
	count(t, reader, 0, 200)
	after := open(t, moved)
	if n := count(t, after, 0, 200); n != 200 {
		t.Errorf("%d of 200 saved", n)
	}
	fill(t, after, 200, 300)
	replaced.Add(1000, data(1000), 100)
	if _, err := replaced.Save(); !errors.Is(err, ErrNot) {
		t.Errorf("a file that has been replaced was saved: %v", err)
	}
	if n := count(t, open(t, moved), 0, 300); n != 300 {
		t.Errorf("%d of 300 saved", n)
	}
}

// TestHoldNew: a file that has not been there is made, and is none until it is saved.
func TestHoldNew(t *testing.T) {
	dir := dirFor(t)
	f := open(t, dir)
	f.Hold()
	if n := count(t, open(t, dir), 0, 50); n != 0 {
		t.Errorf("%d in a new file", n)
	}
	fill(t, f, 0, 50)
	if n := count(t, open(t, dir), 0, 50); n != 50 {
		t.Errorf("%d of 50 saved", n)
	}
	f.Hold()
	f.Forget() // a child
	if f.held != nil {
		t.Error("a child holds it")
	}
}

// TestWeights: few entries are saved if they are worth it.
func TestWeights(t *testing.T) {
	dir := dirFor(t)
	for weight, want := range map[int]error{1: ErrNot, least: nil} {
		f := open(t, dir)
		f.Add(1, data(1), weight)
		if _, err := f.Save(); !errors.Is(err, want) {
			t.Errorf("weight %d: %v, want %v", weight, err, want)
		}
	}
}

// TestChecksum: no two changes of few bits leave a checksum as it was.
func TestChecksum(t *testing.T) {
	b := make([]byte, 3*8+3)
	seen := map[uint32]string{checksum(b): "unchanged", checksum(b[:20]): "shorter"}
	note := func(what string) {
		sum := checksum(b)
		if was, ok := seen[sum]; ok {
			t.Errorf("%s has the checksum of %s", what, was)
		}
		seen[sum] = what
	}
	for i := range 8 * len(b) {
		b[i/8] ^= 1 << (i % 8)
		note(fmt.Sprint("bit ", i))
		for k := range i {
			b[k/8] ^= 1 << (k % 8)
			note(fmt.Sprint("bits ", k, ", ", i))
			b[k/8] ^= 1 << (k % 8)
		}
		b[i/8] ^= 1 << (i % 8)
	}
}
