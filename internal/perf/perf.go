//go:build linux

// Package perf tells the Linux profiler perf(1) about generated code, in its two ways:
// a text file with one line for each piece of code, and a binary file with the code
// itself and the time of its making, which perf inject --jit makes ELF files of.
//
// Sources: linux/tools/perf/Documentation/jit-interface.txt and
// jitdump-specification.txt.
package perf

import (
	"encoding/binary"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/reserved"
)

// Writer writes a file for perf. It is not for concurrent use. Errors of writing are
// ignored: the program that is looked at should go on.
type Writer interface {
	// Add tells of generated code at an address, under a name.
	Add(addr uintptr, code []byte, name string)
	// Close closes the file. A file of another process, which has forked this one, stays
	// as it is.
	Close()
}

// dir is where perf looks for maps. The dumps are put there, too.
const dir = "/tmp"

// create makes a new file, never one that is there: others may put files, or links,
// where everybody may.
func create(name string, access int) (*reserved.Descriptor, string, error) {
	path := dir + "/" + name
	fail := func(err error) (*reserved.Descriptor, string, error) {
		return nil, path, &os.PathError{Op: "create", Path: path, Err: err}
	}
	if err := unix.Unlink(path); err != nil && err != unix.ENOENT {
		return fail(err)
	}
	fd, err := unix.Open(path, access|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return fail(err)
	}
	d, err := reserved.Keep(fd)
	if err != nil {
		return fail(err)
	}
	return d, path, nil
}

// perfMap is a perf map: /tmp/perf-PID.map.
type perfMap struct{ file *reserved.Descriptor }

// NewMap makes the perf map of this process.
func NewMap() (Writer, error) {
	file, _, err := create("perf-"+strconv.Itoa(os.Getpid())+".map", unix.O_WRONLY)
	if err != nil {
		return nil, err
	}
	return perfMap{file}, nil
}

func (m perfMap) Add(addr uintptr, code []byte, name string) {
	_, _ = m.file.Write(fmt.Appendf(nil, "%x %x %s\n", addr, len(code), name))
}

func (m perfMap) Close() { _ = m.file.Close() }

// dump is a jitdump file: /tmp/jit-PID.dump.
type dump struct {
	file  *reserved.Descriptor
	index uint64 // of the next piece of code
	mark  []byte // the mapping by which perf finds the file
}

// Constants of the format.
const (
	dumpMagic   = 0x4A695444
	dumpVersion = 1
	machineX64  = 62 // EM_X86_64
	headerSize  = 40
	recordLoad  = 0 // JIT_CODE_LOAD
	loadSize    = 56
)

// NewDump makes the jitdump file of this process.
func NewDump() (Writer, error) {
	file, path, err := create("jit-"+strconv.Itoa(os.Getpid())+".dump", unix.O_RDWR)
	if err != nil {
		return nil, err
	}
	_, err = file.Write(header())
	d := &dump{file: file}
	if err == nil {
		d.mark, err = unix.Mmap(file.Int(), 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE)
	}
	if err != nil {
		_ = file.Close()
		return nil, &os.PathError{Op: "mmap", Path: path, Err: err}
	}
	return d, nil
}

func header() []byte {
	var b []byte
	le := binary.LittleEndian
	for _, v := range []uint32{dumpMagic, dumpVersion, headerSize, machineX64, 0, uint32(os.Getpid())} {
		b = le.AppendUint32(b, v)
	}
	b = le.AppendUint64(b, now())
	return le.AppendUint64(b, 0) // flags
}

// now is the time in nanoseconds by the clock that perf record -k mono uses.
func now() uint64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
	return uint64(t.Nano())
}

// Add writes a record with the code.
func (d *dump) Add(addr uintptr, code []byte, name string) {
	le := binary.LittleEndian
	size := loadSize + len(name) + 1 + len(code)
	b := le.AppendUint32(make([]byte, 0, size), recordLoad)
	b = le.AppendUint32(b, uint32(size))
	b = le.AppendUint64(b, now())
	b = le.AppendUint32(b, uint32(os.Getpid()))
	b = le.AppendUint32(b, uint32(unix.Gettid()))
	b = le.AppendUint64(b, uint64(addr)) // where it is executed
	b = le.AppendUint64(b, uint64(addr)) // where it is now
	b = le.AppendUint64(b, uint64(len(code)))
	b = le.AppendUint64(b, d.index)
	b = append(append(b, name...), 0)
	_, _ = d.file.Write(append(b, code...))
	d.index++
}

func (d *dump) Close() {
	_ = d.file.Close()
	_ = unix.Munmap(d.mark)
}
