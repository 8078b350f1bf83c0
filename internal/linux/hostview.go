//go:build linux && amd64

package linux

import (
	"path"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/peer"
	"github.com/hospes-vm/hospes/internal/reserved"
)

// What others see of the process: the host's tools, by way of the kernel, and other
// guest processes, by way of package peer.

// publish tells the kernel and other guest processes what has been loaded.
func (p *Process) publish(name string) {
	p.describe()
	p.tellKernel()
	var comm [commLen]byte
	setCstr(comm[:], path.Base(name))
	_ = commCall(unix.PR_SET_NAME, &comm)
}

// describe makes the record that other guest processes read.
func (p *Process) describe() {
	if peer.Publish(p.description(), p.Root.Guest(p.Exe), p.Exe, p.Root.Dir) {
		reserved.Watch(peer.SetHidden)
	}
}

// description is what the record says of the image.
func (p *Process) description() *peer.Description {
	img := p.Image
	d := &peer.Description{
		Kind: peer.Offset, Limit: p.Mem.Limit(), PageSize: p.Mem.PageSize(),
		StartCode: img.StartCode, EndCode: img.EndCode, StartData: img.StartData, EndData: img.EndData,
		StartStack: img.SP, StartBrk: img.Brk,
		ArgStart: img.ArgStart, ArgEnd: img.ArgEnd, EnvStart: img.EnvStart, EnvEnd: img.EnvEnd,
		VDSO:    img.VDSO,
		Auxv:    uint64(uintptr(unsafe.Pointer(unsafe.SliceData(img.Auxv)))),
		AuxvLen: uint64(len(img.Auxv)),
		VMAs:    uint64(p.Mem.VMAList()),
	}
	if v, ok := p.Mem.Lookup(img.VDSO); ok && img.VDSO != 0 {
		d.VDSOEnd = v.End
	}
	if m, ok := p.Mem.Mapping().(mem.Divided); ok {
		table, limit := m.Detours()
		d.Detours, d.DetoursEnd = uint64(table), limit
	}
	if base, limit := p.Mem.Mapping().Window(); limit != 0 {
		d.Base = uint64(base)
	} else if t, ok := p.Mem.Mapping().(interface {
		List() (addr, base uintptr, size uint64)
	}); ok {
		addr, base, size := t.List()
		d.Kind, d.Runs, d.Base, d.Size = peer.Table, uint64(addr), uint64(base), size
	}
	return d
}

// prctlMMMap is struct prctl_mm_map (include/uapi/linux/prctl.h). Addresses are the
// host's.
type prctlMMMap struct {
	startCode, endCode, startData, endData, startBrk, brk, startStack uint64
	argStart, argEnd, envStart, envEnd                                uint64
	auxv                                                              uintptr
	auxvSize                                                          uint32
	exeFD                                                             int32
}

// tellKernel has the kernel show the guest's arguments, environment and auxiliary
// vector as the process's, to ps(1) and the like. That needs CONFIG_CHECKPOINT_RESTORE;
// without, they see those of hospes.
func (p *Process) tellKernel() {
	img := p.Image
	host := func(addr uint64) (h uint64) {
		_ = p.Mem.Mapping().Spans(addr, 1, mem.None, func(b []byte) bool {
			h = uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b))))
			return false
		})
		return h
	}
	stack := host(img.SP)
	m := prctlMMMap{
		startCode: host(img.StartCode), startData: host(img.StartData),
		startBrk: stack, brk: stack, startStack: stack,
		argStart: stack + img.ArgStart - img.SP, argEnd: stack + img.ArgEnd - img.SP,
		envStart: stack + img.EnvStart - img.SP, envEnd: stack + img.EnvEnd - img.SP,
		auxv: uintptr(unsafe.Pointer(unsafe.SliceData(img.Auxv))), auxvSize: uint32(len(img.Auxv)),
		exeFD: -1,
	}
	m.endCode, m.endData = m.startCode+img.EndCode-img.StartCode, m.startData+img.EndData-img.StartData
	_, _, _ = syscall.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_MM, unix.PR_SET_MM_MAP, uintptr(unsafe.Pointer(&m)), unsafe.Sizeof(m), 0, 0)
}

// unsee makes the thread invisible to other guest processes. Later calls have no
// effect.
func (t *Task) unsee() {
	t.seen.Leave()
	t.seen = nil
}
