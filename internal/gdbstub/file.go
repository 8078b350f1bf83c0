package gdbstub

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
)

// vFile packets ("Host I/O Packets" and "File-I/O Remote Protocol Extension" of the manual).

// openFile is a file that GDB has open.
type openFile struct{ File }

// maxFiles is how many files GDB may have open.
const maxFiles = 256

// GDB's numbers of errors that it has; all others are fileUnknown.
var fileErrors = map[syscall.Errno]int{
	syscall.EPERM: 1, syscall.ENOENT: 2, syscall.EINTR: 4, syscall.EIO: 5, syscall.EBADF: 9, syscall.EACCES: 13, syscall.EFAULT: 14,
	syscall.EBUSY: 16, syscall.EEXIST: 17, syscall.ENODEV: 19, syscall.ENOTDIR: 20, syscall.EISDIR: 21, syscall.EINVAL: 22,
	syscall.ENFILE: 23, syscall.EMFILE: 24, syscall.EFBIG: 27, syscall.ENOSPC: 28, syscall.ESPIPE: 29, syscall.EROFS: 30,
	syscall.ENOSYS: 88, syscall.ENAMETOOLONG: 91,
}

const fileUnknown = 9999

// failed is the answer for an error.
func failed(err error) string {
	number := fileUnknown
	var e syscall.Errno
	if errors.As(err, &e) && fileErrors[e] != 0 {
		number = fileErrors[e]
	}
	return fmt.Sprintf("F-1,%x", number)
}

// GDB's flags of open.
const (
	fileWrite, fileReadWrite                            = 1, 2
	fileAppend, fileCreate, fileTruncate, fileExclusive = 8, 0x200, 0x400, 0x800
)

// openFlags are the host's.
func openFlags(f uint64) (flags int) {
	for _, c := range [...]struct {
		gdb  uint64
		host int
	}{
		{fileWrite, syscall.O_WRONLY}, {fileReadWrite, syscall.O_RDWR}, {fileAppend, syscall.O_APPEND}, {fileCreate, syscall.O_CREAT},
		{fileTruncate, syscall.O_TRUNC}, {fileExclusive, syscall.O_EXCL},
	} {
		if f&c.gdb != 0 {
			flags |= c.host
		}
	}
	return flags
}

// file answers vFile:operation:parameters.
func (s *server) file(rest string) string {
	op, args, _ := strings.Cut(rest, ":")
	switch op {
	case "setfs":
		pid, valid := number(args)
		if !valid {
			return failed(syscall.EINVAL)
		}
		s.fs = int(pid)
		return "F0"
	case "open":
		return s.openFile(args)
	case "readlink", "unlink", "stat", "lstat":
		name, err := hex.DecodeString(args)
		if err != nil {
			return failed(syscall.EINVAL)
		}
		return s.onPath(op, string(name))
	case "pread", "pwrite", "fstat", "close":
		return s.onFile(op, args)
	}
	return unsupported
}

// filesOf is the process whose files are meant.
func (s *server) filesOf() int {
	if s.fs != 0 {
		return s.fs
	}
	return s.general.PID
}

// onPath are the operations on files that are not open.
func (s *server) onPath(op, name string) string {
	var b []byte
	var err error
	switch op {
	case "readlink":
		var to string
		to, err = s.t.Readlink(s.filesOf(), name)
		b = []byte(to)
	case "unlink":
		if err = s.t.Unlink(s.filesOf(), name); err == nil {
			return "F0"
		}
	case "stat", "lstat":
		var st Stat
		st, err = s.t.Stat(s.filesOf(), name, op == "stat")
		b = st.bytes()
	}
	if err != nil {
		return failed(err)
	}
	return withData(len(b), b)
}

// withData is an answer with data.
func withData(n int, data []byte) string { return fmt.Sprintf("F%x;%s", n, escape(data)) }

// openFile is open:name,flags,mode.
func (s *server) openFile(args string) string {
	text, rest, _ := strings.Cut(args, ",")
	name, err := hex.DecodeString(text)
	a, valid := numbers(rest, 2)
	if err != nil || !valid {
		return failed(syscall.EINVAL)
	}
	fd := 3
	for ; s.files[fd].File != nil; fd++ {
		if fd > maxFiles {
			return failed(syscall.EMFILE)
		}
	}
	f, err := s.t.Open(s.filesOf(), string(name), openFlags(a[0]), int(a[1]))
	if err != nil {
		return failed(err)
	}
	s.files[fd] = openFile{f}
	return fmt.Sprintf("F%x", fd)
}

// onFile are the operations on open files.
func (s *server) onFile(op, args string) string {
	text, rest, _ := strings.Cut(args, ",")
	fd, valid := number(text)
	f := s.files[int(fd)]
	if !valid || f.File == nil {
		return failed(syscall.EBADF)
	}
	switch op {
	case "close":
		delete(s.files, int(fd))
		if err := f.Close(); err != nil {
			return failed(err)
		}
		return "F0"
	case "fstat":
		st, err := f.Stat()
		if err != nil {
			return failed(err)
		}
		b := st.bytes()
		return withData(len(b), b)
	case "pread":
		a, valid := numbers(rest, 2) // count, offset
		if !valid {
			return failed(syscall.EINVAL)
		}
		b := make([]byte, min(a[0], maxPacket/2))
		n, err := f.ReadAt(b, int64(a[1]))
		if n == 0 && err != nil && err != io.EOF {
			return failed(err)
		}
		return withData(n, b[:n])
	}
	offset, data, _ := strings.Cut(rest, ",")
	at, valid := number(offset)
	if !valid {
		return failed(syscall.EINVAL)
	}
	n, err := f.WriteAt(unescape(data), int64(at))
	if err != nil {
		return failed(err)
	}
	return fmt.Sprintf("F%x", n)
}

// bytes is struct stat of the protocol, in big-endian order.
func (st *Stat) bytes() []byte {
	be := binary.BigEndian
	var b []byte
	for _, v := range [...]uint32{st.Dev, st.Ino, st.Mode, st.Nlink, st.UID, st.GID, st.Rdev} {
		b = be.AppendUint32(b, v)
	}
	for _, v := range [...]uint64{st.Size, st.BlockSize, st.Blocks} {
		b = be.AppendUint64(b, v)
	}
	for _, v := range [...]uint32{st.Atime, st.Mtime, st.Ctime} {
		b = be.AppendUint32(b, v)
	}
	return b
}
