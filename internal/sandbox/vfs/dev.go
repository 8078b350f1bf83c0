//go:build linux

package vfs

import (
	"syscall"
	"time"
)

// NewDev makes /dev: null, zero, full, random, urandom, tty, links to descriptors, and
// empty directories for pts, shm and mqueue, where others may be mounted. random fills
// a buffer.
func NewDev(random func([]byte) Errno, start time.Time) *FS {
	d := &devMaker{start: start}
	root := newSynthDir(d.synth(S_IFDIR|0o755), func() map[string]Node { return d.files(random) })
	return newFS("devtmpfs", root, func() Statfs {
		return Statfs{Type: tmpfsMagic, Bsize: pageSize, Namelen: NameMax}
	})
}

func (d *devMaker) files(random func([]byte) Errno) map[string]Node {
	d.nodes = map[string]Node{}
	d.device("null", 1, 3, func() (deviceOps, Errno) { return nullDevice{}, 0 })
	d.device("zero", 1, 5, func() (deviceOps, Errno) { return zeroDevice{}, 0 })
	d.device("full", 1, 7, func() (deviceOps, Errno) { return fullDevice{}, 0 })
	d.device("random", 1, 8, func() (deviceOps, Errno) { return randomDevice{random}, 0 })
	d.device("urandom", 1, 9, func() (deviceOps, Errno) { return randomDevice{random}, 0 })
	d.device("tty", 5, 0, func() (deviceOps, Errno) { return nil, syscall.ENXIO }) // nobody has a terminal
	d.link("fd", "/proc/self/fd")
	d.link("stdin", "/proc/self/fd/0")
	d.link("stdout", "/proc/self/fd/1")
	d.link("stderr", "/proc/self/fd/2")
	for _, name := range []string{"mqueue", "pts", "shm"} {
		d.nodes[name] = newSynthDir(d.synth(S_IFDIR|0o755), func() map[string]Node { return nil })
	}
	return d.nodes
}

// devMaker collects the files of /dev.
type devMaker struct {
	nodes map[string]Node
	start time.Time
	ino   uint64
}

func (d *devMaker) synth(mode uint32) synth {
	d.ino++
	return synth{ino: d.ino, mode: mode, time: d.start}
}

func (d *devMaker) device(name string, major, minor uint32, open func() (deviceOps, Errno)) {
	d.nodes[name] = &device{synth: d.synth(S_IFCHR | 0o666), rdev: Mkdev(major, minor), open: open}
}

func (d *devMaker) link(name, target string) {
	d.nodes[name] = &synthLink{synth: d.synth(S_IFLNK | 0o777), target: func(*Caller) string { return target }}
}

// device is a character device.
type device struct {
	synth
	rdev uint64
	open func() (deviceOps, Errno)
}

func (d *device) Attr() (Attr, Errno) {
	a, e := d.synth.Attr()
	a.Rdev, a.Blksize = d.rdev, pageSize
	return a, e
}

func (d *device) Open(*Caller, int) (Handle, Errno) {
	ops, e := d.open()
	if e != 0 {
		return nil, e
	}
	return &deviceHandle{deviceOps: ops}, 0
}

// deviceOps are what a device does.
type deviceOps interface {
	Read(b []byte, off int64) (int, Errno)
	Write(b []byte, off int64) (int, Errno)
}

type deviceHandle struct {
	ready
	deviceOps
}

type nullDevice struct{}

func (nullDevice) Read([]byte, int64) (int, Errno)      { return 0, 0 }
func (nullDevice) Write(b []byte, _ int64) (int, Errno) { return len(b), 0 }

type zeroDevice struct{ nullDevice }

func (zeroDevice) Read(b []byte, _ int64) (int, Errno) {
	clear(b)
	return len(b), 0
}

type fullDevice struct{ zeroDevice }

func (fullDevice) Write(b []byte, _ int64) (int, Errno) {
	if len(b) == 0 {
		return 0, 0
	}
	return 0, syscall.ENOSPC
}

type randomDevice struct{ fill func([]byte) Errno }

func (d randomDevice) Read(b []byte, _ int64) (int, Errno) {
	if e := d.fill(b); e != 0 {
		return 0, e
	}
	return len(b), 0
}

func (randomDevice) Write(b []byte, _ int64) (int, Errno) { return len(b), 0 }
