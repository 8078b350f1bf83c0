//go:build linux

package transcache

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const (
	// maxFile is how large a file may be.
	maxFile = 64 << 20
	// least is how many entries make a file worth while.
	least = 24
	// pays says for which part of all entries writing these anew pays: reading and writing one takes about so much of
	// the time that making one does.
	pays = 50
)

// ErrNot says that nothing was saved, as it would not pay, or somebody else is at it.
var ErrNot = errors.New("nothing to save")

// Save writes the entries that have been added, with those that were there, and returns how many these are. The file stays as
// it was if that fails, or if it would take longer than it saves.
func (f *File) Save() (written int, err error) {
	if !f.worth.pays(f.entries) {
		return 0, ErrNot
	}
	if f.held != nil {
		if unix.Flock(f.held.dir.Int(), unix.LOCK_EX|unix.LOCK_NB) != nil {
			return 0, ErrNot
		}
		defer func() { _ = unix.Flock(f.held.dir.Int(), unix.LOCK_UN) }()
		return f.saveHeld()
	}
	var st unix.Stat_t
	if unix.Stat("/", &st) != nil || f.root != (fileID{st.Dev, st.Ino}) {
		return 0, ErrNot // the path may be another file's
	}
	dir, err := openDir(f.place.Dir)
	if err != nil {
		return 0, err
	}
	defer unix.Close(dir)
	if unix.Flock(dir, unix.LOCK_EX|unix.LOCK_NB) != nil {
		return 0, ErrNot
	}
	now := &File{place: f.place}
	defer now.Close()
	now.load(dir)
	if !f.fresh(now).pays(now.entries) { // others have been faster: those that a loop forks, for instance
		return 0, ErrNot
	}
	if err := f.collect(now, maxFile).write(dir, f.place); err != nil {
		return 0, err
	}
	prune(dir, maxTotal)
	return f.saved(), nil
}

// saved forgets what has been added, as it is saved, and returns how many entries that were.
func (f *File) saved() (written int) {
	written = f.news
	f.forget()
	return written
}

// pays reports whether new entries pay for writing them with those that were there.
func (w worth) pays(entries []byte) bool { return w.entries >= least && w.size*pays >= len(entries) }

// fresh is what entries are worth that have been added, and that the file of now has not.
func (f *File) fresh(now *File) (w worth) {
	for _, piece := range f.added {
		for at := uint32(0); ; {
			e, ok := entry(piece, at)
			if !ok {
				break
			}
			if !now.holds(e) {
				weight, ok := f.heavy[keyOf(e)]
				if !ok {
					weight = 1
				}
				w.add(len(e), weight)
			}
			at += uint32(len(e))
		}
	}
	return w
}

// holds reports whether there is an entry with the key and the checksum of another one.
func (f *File) holds(e []byte) bool {
	return len(f.index) > 0 && guarded(func() bool {
		own, ok := entry(f.entries, f.find(keyOf(e)))
		return ok && string(own[:entryHead]) == string(e[:entryHead])
	})
}

// collected is what is to be saved.
type collected struct {
	sources [][]byte       // entries
	own     int            // the first source that is this process's own, and not a file's
	at      []position     // in the order in which they are to be
	latest  map[uint64]int // by key: the index in at of the one that counts
	size    int            // of those
	skip    int            // how many at the beginning are left out
}

// position is an entry of a source.
type position struct {
	source int
	offset uint32
	key    uint64
	size   int
}

// collect returns what is to be saved in at most limit bytes: what the file has now, what this process has used, and what it
// has added.
func (f *File) collect(now *File, limit int) *collected {
	c := &collected{latest: map[uint64]int{}}
	c.addAll(now.entries, headerSize)
	n := len(c.sources)
	c.sources = append(c.sources, f.entries)
	for _, at := range f.used {
		c.add(n, at)
	}
	c.own = len(c.sources)
	for _, piece := range f.added {
		c.addAll(piece, 0)
	}
	for c.size > limit {
		p := c.at[c.skip]
		if c.latest[p.key] == c.skip {
			delete(c.latest, p.key)
			c.size -= p.size
		}
		c.skip++
	}
	return c
}

// addAll adds the entries of a source, from an offset on, up to the first one that cannot be one.
func (c *collected) addAll(entries []byte, at uint32) {
	c.sources = append(c.sources, entries)
	for n := len(c.sources) - 1; c.add(n, at); {
		at += uint32(c.at[len(c.at)-1].size)
	}
}

// add adds an entry.
func (c *collected) add(source int, at uint32) bool {
	p := position{source: source, offset: at}
	if !guarded(func() bool {
		e, ok := entry(c.sources[source], at)
		if ok {
			p.key, p.size = keyOf(e), len(e)
		}
		return ok
	}) {
		return false
	}
	if old, ok := c.latest[p.key]; ok {
		c.size -= c.at[old].size
	}
	c.latest[p.key] = len(c.at)
	c.size += p.size
	c.at = append(c.at, p)
	return true
}

// write makes the file.
func (c *collected) write(dir int, place Place) error {
	size := headerSize + c.size + (4*len(c.latest)+2)*slotSize // at most
	if !roomFor(size) {
		return unix.EFBIG
	}
	temp := fmt.Sprintf("%s%d", tempPrefix, os.Getpid())
	fd, err := unix.Openat(dir, temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(fd), temp)
	_, _ = file.Write(make([]byte, headerSize))
	h, err := c.writeTo(file)
	if err == nil {
		h.config = place.Config
		_, err = file.WriteAt(h.encode(), 0)
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = unix.Renameat(dir, temp, dir, place.Name)
	}
	if err != nil {
		_ = unix.Unlinkat(dir, temp, 0)
	}
	return err
}

// roomFor reports whether a file may have some size: if not, writing it would bring a signal, too.
func roomFor(size int) bool {
	var limit unix.Rlimit
	return unix.Getrlimit(unix.RLIMIT_FSIZE, &limit) == nil && uint64(size) <= limit.Cur
}

// writeTo writes entries and index, and returns the header that belongs before them, but for the configuration. Entries that are damaged are
// left out.
func (c *collected) writeTo(to io.Writer) (h header, err error) {
	w := bufio.NewWriterSize(to, 1<<18)
	var keys []uint64
	var offsets []uint32
	end := uint32(headerSize)
	var buf []byte
	for n := c.skip; n < len(c.at); n++ {
		p := c.at[n]
		if c.latest[p.key] != n {
			continue
		}
		e := c.sources[p.source][p.offset : int(p.offset)+p.size]
		if p.source < c.own {
			if !guarded(func() bool {
				buf = append(buf[:0], e...)
				_, ok := dataOf(buf)
				return ok
			}) {
				continue
			}
			e = buf
		}
		if _, err := w.Write(e); err != nil {
			return h, err
		}
		keys, offsets = append(keys, p.key), append(offsets, end)
		end += uint32(p.size)
	}
	index, slots := newIndex(keys, offsets)
	_, _ = w.Write(index)
	return header{size: end + uint32(len(index)), end: end, count: uint32(len(keys)), slots: slots}, w.Flush()
}
