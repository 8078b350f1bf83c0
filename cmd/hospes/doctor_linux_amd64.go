package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/cpu"
	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/binfmt"
	"github.com/hospes-vm/hospes/internal/doctor"
	"github.com/hospes-vm/hospes/internal/guest/riscv"
	"github.com/hospes-vm/hospes/internal/rootfs"
	"github.com/hospes-vm/hospes/internal/self"
)

// examine is the command doctor.
func examine(*opts, []string) error {
	self.Open()
	m := &doctor.Machine{
		CPU:          processor(),
		Read:         func(name string) (string, error) { b, err := os.ReadFile(name); return string(b), err },
		Look:         func(name string) bool { _, err := exec.LookPath(name); return err == nil },
		AddressSpace: doctor.Unlimited,
		Namespaces:   rootfs.Available,
		WritableCode: tryWritableCode,
		TwoViews:     tryTwoViews,
		Landlock:     rootfs.Landlock(),
		Build:        buildNotes(),
		Images:       imageCommandFile() != "",
		Sysroots:     sysroots(),
		Binfmt:       func(w io.Writer) bool { return binfmt.Status(entry(""), self.FD(), w) },
	}
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_AS, &l) == nil && l.Cur != unix.RLIM_INFINITY {
		m.AddressSpace = l.Cur
	}
	if !doctor.Write(os.Stdout, doctor.Examine(m)) {
		return errNo
	}
	return nil
}

// processor is what package jit looks for.
func processor() []doctor.Feature {
	x := cpu.X86
	return []doctor.Feature{
		{Name: "SSE4.1", Has: x.HasSSE41, Uses: "roundings of floating-point numbers"},
		{Name: "POPCNT", Has: x.HasPOPCNT, Uses: "counts of bits (cpop)"},
		{Name: "LZCNT", Has: x.HasLZCNT, Uses: "counts of leading zeros (clz)"},
		{Name: "BMI1", Has: x.HasBMI1, Uses: "counts of trailing zeros (ctz)"},
		{Name: "BMI2", Has: x.HasBMI2, Uses: "shifts and rotations by variable amounts"},
		{Name: "AVX", Has: x.HasAVX, Uses: "floating-point operations"},
		{Name: "FMA", Has: x.HasFMA && x.HasAVX, Uses: "fused multiply-adds (fmadd), which are left to the interpreter,"},
		{Name: "F16C", Has: x.HasF16C && x.HasAVX, Uses: "conversions of half-precision numbers (Zfhmin)"},
		{Name: "ERMS", Has: x.HasERMS, Uses: "copies of large blocks"},
	}
}

// tryWritableCode maps memory as the code cache is by default.
func tryWritableCode() error {
	b, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err == nil {
		err = unix.Munmap(b)
	}
	return err
}

// tryTwoViews maps memory as the code cache is with --wx.
func tryTwoViews() error {
	fd, err := unix.MemfdCreate("hospes-doctor", unix.MFD_CLOEXEC|unix.MFD_EXEC)
	if err == unix.EINVAL { // Linux before 6.3
		fd, err = unix.MemfdCreate("hospes-doctor", unix.MFD_CLOEXEC)
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, int64(os.Getpagesize())); err != nil {
		return err
	}
	b, err := unix.Mmap(fd, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_EXEC, unix.MAP_SHARED)
	if err == nil {
		err = unix.Munmap(b)
	}
	return err
}

// sysroots are the places of guest libraries that are there.
func sysroots() (list []string) {
	places := riscv.Arch.Sysroots()
	if dir, err := os.UserCacheDir(); err == nil {
		unpacked, _ := filepath.Glob(filepath.Join(dir, "hospes", "rootfs-*-riscv64"))
		places = append(places, unpacked...)
	}
	for _, dir := range append([]string{os.Getenv("HOSPES_SYSROOT")}, places...) {
		if st, err := os.Stat(dir); dir != "" && err == nil && st.IsDir() {
			list = append(list, dir)
		}
	}
	return list
}
