//go:build linux

package transcache

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Place is where a File is saved.
type Place struct {
	Dir    string   // absolute path of the directory
	Name   string   // of the file in it
	Config [32]byte // entries of other configurations are not found
}

// File is the entries that earlier runs have saved, and those that are to be.
type File struct {
	place Place
	root  fileID // the root directory that the path is of

	all     []byte // the mapping; nil if nothing has been saved
	entries []byte // its beginning
	index   []byte // its end
	id      fileID

	used  []uint32 // offsets of entries that Get has returned
	added [][]byte // new entries, in pieces: growing would copy them
	news  int      // how many
	size  int      // and of how many bytes

	heavy map[uint64]int // weights of those that have not 1
	worth worth

	held *held // nil unless it is
}

// fileID tells a file from others that exist.
type fileID struct{ dev, ino uint64 }

// Open returns what has been saved at a place, or no entries if there are none, or not any to be trusted. If
// create is set, the directory is made if it does not exist, for Save.
func Open(p Place, create bool) *File {
	f := &File{place: p}
	var st unix.Stat_t
	if unix.Stat("/", &st) == nil {
		f.root = fileID{st.Dev, st.Ino}
	}
	dir, err := openDir(p.Dir)
	if err != nil {
		if create && err == unix.ENOENT {
			makeDir(p.Dir)
		}
		return f
	}
	defer unix.Close(dir)
	f.load(dir)
	return f
}

// load maps the file of a directory, if it is there.
func (f *File) load(dir int) {
	fd, st, err := openOwn(dir, f.place.Name)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	f.loadFrom(fd, st)
}

// loadFrom maps a file that is open.
func (f *File) loadFrom(fd int, st unix.Stat_t) {
	var head [headerSize]byte
	if n, err := unix.Pread(fd, head[:], 0); err != nil || n < headerSize {
		return
	}
	h, ok := decodeHeader(head[:], st.Size, f.place.Config)
	if !ok {
		return
	}
	all, err := unix.Mmap(fd, 0, int(h.size), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return
	}
	f.all, f.entries, f.index = all, all[:h.end], all[h.end:]
	f.id = fileID{st.Dev, st.Ino}
}

// Close gives the mapping back.
func (f *File) Close() {
	f.release()
	if f.all != nil {
		_ = unix.Munmap(f.all)
	}
	*f = File{}
}

// Empty reports whether nothing has been saved.
func (f *File) Empty() bool { return len(f.entries) == 0 }

// Size is the number of bytes that have been saved.
func (f *File) Size() int { return len(f.entries) }

// guarded calls do, which looks at the mapping. It reports false if the file has become shorter, or cannot be read. The
// goroutine must have debug.SetPanicOnFault enabled.
func guarded(do func() bool) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return do()
}

// find returns the offset of the entry of a key, or 0; but for what is of another key, which is rare.
func (f *File) find(key uint64) (at uint32) {
	mask := uint32(len(f.index)/slotSize) - 1
	home, tag := hash(key)
	for n := uint32(0); n <= mask; n++ {
		slot := f.index[(home+n)&mask*slotSize:]
		at := binary.LittleEndian.Uint32(slot[4:])
		if at == 0 || binary.LittleEndian.Uint32(slot) == tag {
			return at
		}
	}
	return 0
}

// Has reports whether there is an entry of a key, as far as can be told without looking at it.
func (f *File) Has(key uint64) bool {
	return len(f.index) > 0 && guarded(func() bool { return f.find(key) != 0 })
}

// Get returns a copy of the data of a key, in buf if there is room.
func (f *File) Get(key uint64, buf []byte) (data []byte, ok bool) {
	if len(f.index) == 0 {
		return nil, false
	}
	var at uint32
	if !guarded(func() bool {
		if at = f.find(key); at == 0 {
			return false
		}
		e, ok := entry(f.entries, at)
		buf = append(buf[:0], e...)
		return ok && keyOf(buf) == key
	}) {
		return nil, false
	}
	if data, ok = dataOf(buf); ok {
		f.used = append(f.used, at)
	}
	return data, ok
}

const (
	// maxAdded is how much is kept for Save, in bytes; pieceSize how much is allocated at a time.
	maxAdded  = 32 << 20
	pieceSize = 256 << 10
)

// worth says whether new entries pay: how many they are, and of how many bytes, each as often as its weight says.
type worth struct{ entries, size int }

// add counts an entry.
func (w *worth) add(size, weight int) {
	w.entries += weight
	w.size += weight * size
}

// Add has the data of a key saved, in the place of what it has. The weight is how many times as long as that of others it
// takes to make.
func (f *File) Add(key uint64, data []byte, weight int) {
	size := padded(len(data))
	if f.size+size > maxAdded {
		return
	}
	n := len(f.added) - 1
	if n < 0 || len(f.added[n])+size > cap(f.added[n]) {
		f.added = append(f.added, make([]byte, 0, max(size, pieceSize)))
		n++
	}
	f.added[n] = appendEntry(f.added[n], key, data)
	f.news++
	f.size += size
	f.worth.add(size, weight)
	if weight != 1 {
		if f.heavy == nil {
			f.heavy = map[uint64]int{}
		}
		f.heavy[key] = weight
	}
}

// Forget forgets what has been added, and holds nothing any more: a process that a fork has made leaves that to its parent.
func (f *File) Forget() {
	f.release()
	f.forget()
}

func (f *File) forget() { f.added, f.news, f.size, f.heavy, f.worth = nil, 0, 0, nil, worth{} }
