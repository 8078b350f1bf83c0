package loader

import (
	"debug/elf"
	"io"
	"os"
	"path/filepath"
)

// Interpreter returns the path in PT_INTERP of an ELF file, or "" if there is
// none or the file is no little-endian 64-bit ELF file.
func Interpreter(r io.ReaderAt) string {
	head, err := readHead(r)
	if err != nil || !isELF(head) {
		return ""
	}
	h := parseHeader(head)
	if h.class != elf.ELFCLASS64 || h.data != elf.ELFDATA2LSB {
		return ""
	}
	segs, err := readSegments(r, &h, maxPage)
	if err != nil {
		return ""
	}
	path, e := interpreter(r, segs)
	if e != nil {
		return ""
	}
	return path
}

// FindSysroot looks for the root of the file system that a program belongs to: a
// directory that holds interp, the absolute path in its PT_INTERP. It tries the
// program's own directory and those above it, then the candidates, which are
// the customary places of the architecture. The result is "" if none has it; it
// is "/" if the host itself has the interpreter at its place. Where /lib is a link to
// /usr/lib, the directory usr has it as well, but is not the root.
func FindSysroot(program, interp string, candidates ...string) string {
	if !filepath.IsAbs(interp) {
		return ""
	}
	var roots []string
	if dir, err := filepath.Abs(program); err == nil {
		for dir != filepath.Dir(dir) {
			dir = filepath.Dir(dir)
			roots = append(roots, dir)
		}
	}
	for _, root := range append(roots, candidates...) {
		// A symbolic link counts wherever it points: it may be meant to be followed
		// inside the sysroot.
		st, err := os.Lstat(filepath.Join(root, interp))
		if err != nil || st.IsDir() {
			continue
		}
		above := filepath.Dir(root)
		if same, err := os.Lstat(filepath.Join(above, interp)); err == nil && os.SameFile(st, same) {
			return above
		}
		return root
	}
	return ""
}
