//go:build linux

package transcache

import (
	"bytes"
	"io"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/reserved"
)

// held is what a process has open that cannot open anything any more when it comes to saving.
type held struct{ dir, file *reserved.Descriptor }

// Hold opens what Save needs now, for a process that gives up the right to open files (landlock_restrict_self(2)). There is no renaming then:
// Save writes the file in place. Who reads it meanwhile finds entries, whose checksums tell whether they are whole, or none.
func (f *File) Hold() {
	if f.held != nil {
		return
	}
	dir, err := openDir(f.place.Dir)
	if err != nil {
		return
	}
	fd, err := unix.Openat(dir, f.place.Name, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0o600)
	if err == nil {
		if _, err = statOwn(fd, unix.S_IFREG); err == nil && f.hold(dir, fd) {
			return
		}
		_ = unix.Close(fd)
	}
	_ = unix.Close(dir)
}

// hold takes both descriptors over. It reports false if that fails.
func (f *File) hold(dir, fd int) bool {
	file, err := reserved.Keep(fd)
	if err != nil {
		return false
	}
	d, err := reserved.Keep(dir)
	if err != nil {
		_ = file.Close()
		return false
	}
	f.held = &held{d, file}
	return true
}

// release closes what is held.
func (f *File) release() {
	if f.held != nil {
		_ = f.held.dir.Close()
		_ = f.held.file.Close()
		f.held = nil
	}
}

// saveHeld is Save for who holds the file. What is in it is overwritten by what is to be saved, some of which is read from it: so that is made
// in memory.
func (f *File) saveHeld() (written int, err error) {
	fd := f.held.file.Int()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, err
	}
	if st.Nlink == 0 { // another process has replaced it
		return 0, ErrNot
	}
	now := &File{place: f.place}
	defer now.Close()
	now.loadFrom(fd, st)
	if !f.fresh(now).pays(now.entries) {
		return 0, ErrNot
	}
	body := bytes.NewBuffer(make([]byte, headerSize))
	head, err := f.collect(now, maxFile).writeTo(body)
	if err != nil {
		return 0, err
	}
	head.config = f.place.Config
	all := body.Bytes()
	if !roomFor(len(all)) {
		return 0, unix.EFBIG
	}
	for _, step := range []func() error{
		func() error { return pwrite(fd, make([]byte, headerSize), 0) }, // for who opens it from now on
		func() error { return pwrite(fd, all[headerSize:], headerSize) },
		func() error { return unix.Ftruncate(fd, int64(len(all))) },
		func() error { return pwrite(fd, head.encode(), 0) },
	} {
		if err := step(); err != nil {
			return 0, err
		}
	}
	return f.saved(), nil
}

// pwrite writes all of b.
func pwrite(fd int, b []byte, at int64) error {
	for len(b) > 0 {
		n, err := unix.Pwrite(fd, b, at)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return err
		case n == 0:
			return io.ErrShortWrite
		}
		b, at = b[n:], at+int64(n)
	}
	return nil
}
