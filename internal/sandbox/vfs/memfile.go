//go:build linux

package vfs

import (
	"math"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// memData is the contents of a file: pages, where what is missing is zero, or a file of
// the host's memory, once it has been mapped. Pages that are nil have been allocated, but
// not written to.
type memData struct {
	size  int64
	page  map[int64]*[pageSize]byte
	fd    int  // if mapped
	inFD  bool // the bytes are in fd
	taken int64
}

// pages is how many count against the limit.
func (d *memData) pages() int64 {
	if d.inFD {
		return d.taken
	}
	return int64(len(d.page))
}

// pageUp is how many pages n bytes are.
func pageUp(n int64) int64 { return n/pageSize + min(n%pageSize, 1) }

func (d *memData) read(b []byte, off int64) (int, Errno) {
	if off >= d.size {
		return 0, 0
	}
	b = b[:min(int64(len(b)), d.size-off)]
	if d.inFD {
		return preadFull(d.fd, b, off)
	}
	for done := 0; done < len(b); {
		at := off + int64(done)
		n := min(len(b)-done, pageSize-int(at%pageSize))
		if p := d.page[at/pageSize]; p != nil {
			copy(b[done:done+n], p[at%pageSize:])
		} else {
			clear(b[done : done+n])
		}
		done += n
	}
	return len(b), 0
}

// write writes as much as there is room for.
func (d *memData) write(m *memFS, b []byte, off int64) (int, Errno) {
	if off > math.MaxInt64-int64(len(b)) {
		return 0, syscall.EFBIG
	}
	if d.inFD {
		return d.writeFD(m, b, off)
	}
	done := 0
	for done < len(b) {
		at := off + int64(done)
		p := d.provide(m, at/pageSize)
		if p == nil {
			break
		}
		done += copy(p[at%pageSize:], b[done:])
	}
	d.size = max(d.size, off+int64(done))
	if done == 0 && len(b) > 0 {
		return 0, syscall.ENOSPC
	}
	return done, 0
}

// provide returns a page, made if need be, or nil at the limit.
func (d *memData) provide(m *memFS, i int64) *[pageSize]byte {
	p := d.page[i]
	if p == nil && d.allocate(m, i) {
		p = new([pageSize]byte)
		d.page[i] = p
	}
	return p
}

// allocate takes a page of the limit, if the file has not got it.
func (d *memData) allocate(m *memFS, i int64) bool {
	if _, ok := d.page[i]; ok {
		return true
	}
	if !m.charge(1) {
		return false
	}
	if d.page == nil {
		d.page = map[int64]*[pageSize]byte{}
	}
	d.page[i] = nil
	return true
}

// fill makes the pages [from, to), all or none.
func (d *memData) fill(m *memFS, from, to int64) bool {
	if m.maxPages > 0 && to-from > m.maxPages {
		return false
	}
	var made []int64
	for i := from; i < to; i++ {
		if _, ok := d.page[i]; ok {
			continue
		}
		if !d.allocate(m, i) {
			for _, i := range made {
				d.drop(m, i, i+1)
			}
			return false
		}
		made = append(made, i)
	}
	return true
}

// drop frees the pages [from, to).
func (d *memData) drop(m *memFS, from, to int64) {
	if to-from < int64(len(d.page)) {
		for i := from; i < to; i++ {
			if _, ok := d.page[i]; ok {
				delete(d.page, i)
				m.charge(-1)
			}
		}
		return
	}
	for i := range d.page {
		if i >= from && i < to {
			delete(d.page, i)
			m.charge(-1)
		}
	}
}

// zero makes [off, off+n) zero, without making pages.
func (d *memData) zero(m *memFS, off, n int64) {
	end := off + n
	first, last := pageUp(off), end/pageSize
	if first > last { // within one page
		if p := d.page[off/pageSize]; p != nil {
			clear(p[off%pageSize : off%pageSize+n])
		}
		return
	}
	if p := d.page[off/pageSize]; p != nil && off%pageSize > 0 {
		clear(p[off%pageSize:])
	}
	if p := d.page[last]; p != nil {
		clear(p[:end%pageSize])
	}
	d.drop(m, first, last)
}

func (d *memData) truncate(m *memFS, size int64) Errno {
	switch {
	case d.inFD:
		if e := d.reserve(m, size); e != 0 {
			return e
		}
		if err := unix.Ftruncate(d.fd, size); err != nil {
			return errno(err)
		}
	case size <= d.size:
		d.drop(m, pageUp(size), math.MaxInt64)
		if p := d.page[size/pageSize]; p != nil {
			clear(p[size%pageSize:])
		}
	}
	d.size = size
	return 0
}

func (d *memData) free(m *memFS) {
	if d.inFD {
		m.charge(-d.taken)
		d.inFD, d.taken = false, 0
		unix.Close(d.fd)
	}
	m.charge(-int64(len(d.page)))
	d.page, d.size = nil, 0
}

// toFD moves the contents to a file of the host's memory, which can be mapped. From
// then on the whole size counts against the limit: the guest may write to any page
// without a call.
func (d *memData) toFD(m *memFS) Errno {
	fd, err := unix.MemfdCreate("hospes", unix.MFD_CLOEXEC)
	if err != nil {
		return errno(err)
	}
	fail := func(e Errno) Errno { unix.Close(fd); return e }
	if err := unix.Ftruncate(fd, d.size); err != nil {
		return fail(errno(err))
	}
	for i, p := range d.page {
		if i*pageSize >= d.size || p == nil {
			continue
		}
		if _, e := pwriteFull(fd, p[:min(pageSize, d.size-i*pageSize)], i*pageSize); e != 0 {
			return fail(e)
		}
	}
	have := int64(len(d.page))
	if need := pageUp(d.size); need > have && !m.charge(need-have) {
		return fail(syscall.ENOSPC)
	} else if need < have {
		m.charge(need - have)
	}
	d.fd, d.inFD, d.taken, d.page = fd, true, pageUp(d.size), nil
	return 0
}

// reserve makes the limit count size bytes.
func (d *memData) reserve(m *memFS, size int64) Errno {
	if !m.charge(pageUp(size) - d.taken) {
		return syscall.ENOSPC
	}
	d.taken = pageUp(size)
	return 0
}

func (d *memData) writeFD(m *memFS, b []byte, off int64) (int, Errno) {
	if end := off + int64(len(b)); end > d.size {
		if e := d.reserve(m, end); e != 0 {
			return 0, e
		}
		d.size = end
	}
	return pwriteFull(d.fd, b, off)
}

func preadFull(fd int, b []byte, off int64) (int, Errno) {
	for done := 0; ; {
		n, err := unix.Pread(fd, b[done:], off+int64(done))
		if err == unix.EINTR {
			continue
		}
		if n <= 0 {
			return done, errno(err)
		}
		if done += n; done == len(b) {
			return done, 0
		}
	}
}

func pwriteFull(fd int, b []byte, off int64) (int, Errno) {
	for done := 0; ; {
		n, err := unix.Pwrite(fd, b[done:], off+int64(done))
		if err == unix.EINTR {
			continue
		}
		if n <= 0 {
			if done > 0 {
				return done, 0
			}
			return 0, errno(err)
		}
		if done += n; done == len(b) {
			return done, 0
		}
	}
}

// memHandle is an open file in memory.
type memHandle struct {
	ready
	n      *memNode
	setID  bool // writing may leave set-id bits alone
	noTime bool
}

func (n *memNode) Open(c *Caller, flags int) (Handle, Errno) {
	switch n.typ {
	case S_IFIFO:
		return openFIFO(n.pipe, flags)
	case S_IFREG:
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.dead {
			return nil, syscall.ENOENT
		}
		n.opens++
		return &memHandle{n: n, setID: c.UID == 0, noTime: flags&O_NOATIME != 0}, 0
	}
	return nil, syscall.ENXIO
}

// openFIFO opens a FIFO (fifo(7)): for writing only it needs a reader, if it may not wait.
func openFIFO(p *Pipe, flags int) (Handle, Errno) {
	if flags&O_NONBLOCK != 0 && flags&O_ACCMODE == O_WRONLY && !p.hasReader() {
		return nil, syscall.ENXIO
	}
	return p.Open(flags), 0
}

func (h *memHandle) Read(b []byte, off int64) (int, Errno) {
	n := h.n
	n.mu.RLock()
	k, e := n.data.read(b, off)
	stale := !h.noTime && (!n.atime.After(n.mtime) || !n.atime.After(n.ctime) || n.fs.now().Sub(n.atime) > 24*time.Hour)
	n.mu.RUnlock()
	if stale && len(b) > 0 { // as with the mount option relatime
		n.mu.Lock()
		n.atime = n.fs.now()
		n.mu.Unlock()
	}
	return k, e
}

func (h *memHandle) Write(b []byte, off int64) (int, Errno) {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	return h.write(b, off)
}

// write is Write; the node is locked.
func (h *memHandle) write(b []byte, off int64) (int, Errno) {
	if len(b) == 0 {
		return 0, 0
	}
	n, e := h.n.data.write(h.n.fs, b, off)
	if n > 0 {
		h.n.changed()
		h.dropSetID()
	}
	return n, e
}

// dropSetID is what changing a file does to set-id bits, unless root does it.
func (h *memHandle) dropSetID() {
	if !h.setID {
		h.n.mode = withoutSetID(h.n.mode)
	}
}

func (h *memHandle) Append(b []byte) (int, int64, Errno) {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	n, e := h.write(b, h.n.data.size)
	return n, h.n.data.size, e
}

func (h *memHandle) Attr() (Attr, Errno)     { return h.n.Attr() }
func (h *memHandle) SetAttr(c *Change) Errno { return h.n.SetAttr(c) }

func (h *memHandle) Allocate(mode uint32, off, n int64) Errno {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	d, m := &h.n.data, h.n.fs
	if d.inFD {
		return h.allocateFD(mode, off, n)
	}
	h.dropSetID()
	if mode&(FallocPunchHole|FallocZeroRange) != 0 {
		d.zero(m, off, min(n, max(d.size-off, 0)))
	}
	if mode&FallocPunchHole == 0 {
		if !d.fill(m, off/pageSize, pageUp(off+n)) {
			return syscall.ENOSPC
		}
		if mode&FallocKeepSize == 0 {
			d.size = max(d.size, off+n)
		}
	}
	h.n.changed()
	return 0
}

// allocateFD is Allocate for a file that has been mapped. What it takes is counted
// already, but for what makes it longer.
func (h *memHandle) allocateFD(mode uint32, off, n int64) Errno {
	d := &h.n.data
	if mode&FallocKeepSize == 0 && off+n > d.size {
		if e := d.reserve(h.n.fs, off+n); e != 0 {
			return e
		}
		d.size = off + n
	} else if mode&FallocPunchHole == 0 {
		n = min(n, max(d.size-off, 0))
	}
	if n == 0 {
		return 0
	}
	return errno(unix.Fallocate(d.fd, mode, off, n))
}

func (h *memHandle) SeekHole(off int64, whence int) (int64, Errno) {
	h.n.mu.RLock()
	defer h.n.mu.RUnlock()
	d := &h.n.data
	if d.inFD {
		if whence == SeekHole {
			return d.size, 0
		}
		return off, 0
	}
	i := off / pageSize
	if whence == SeekHole {
		for d.page[i] != nil {
			i++
		}
		return min(max(off, i*pageSize), d.size), 0
	}
	next := int64(math.MaxInt64)
	if d.page[i] != nil {
		next = i
	} else { // the file may be much longer than what it has
		for k, p := range d.page {
			if k > i && p != nil {
				next = min(next, k)
			}
		}
	}
	if next > d.size/pageSize {
		return 0, syscall.ENXIO
	}
	return max(off, next*pageSize), 0
}

// maxMapped is how many files of one file system can be mapped: each takes a descriptor
// of the host until it is removed.
const maxMapped = 256

// MapFD moves the bytes to where they can be mapped from, the first time.
func (h *memHandle) MapFD() (int, Errno) {
	n := h.n
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.data.inFD {
		return n.data.fd, 0
	}
	n.fs.mu.Lock()
	defer n.fs.mu.Unlock()
	if len(n.fs.mapped) >= maxMapped {
		return -1, syscall.ENFILE
	}
	if e := n.data.toFD(n.fs); e != 0 {
		return -1, e
	}
	n.fs.mapped[n] = true
	return n.data.fd, 0
}

func (h *memHandle) Close() { h.n.Unpin() }

// Pin keeps the contents although there may be no name any more.
func (n *memNode) Pin() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.opens++
}

// Unpin undoes Pin, or Open.
func (n *memNode) Unpin() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.opens--
	n.release()
}
