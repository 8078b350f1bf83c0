//go:build linux

// Package binfmt registers an interpreter for programs of another machine with the
// kernel's binfmt_misc, and tells what is registered
// (Documentation/admin-guide/binfmt-misc.rst).
package binfmt

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Entry is a binary format: which files it is about, and who interprets them.
type Entry struct {
	Name        string
	Interpreter string // absolute path
	Flags       string // letters of P, O, C and F
	Enabled     bool

	// A file matches if its bytes from Offset on, masked by Mask (nil for all ones),
	// equal Magic; or if its name ends in a dot and Extension, where that is set.
	Offset      int
	Magic, Mask []byte
	Extension   string
}

// Flags of an entry that hospes makes. The kernel opens the program (O) and the
// interpreter (F) itself, so that neither need be readable, or there in a chroot;
// set-id bits of the program count (C); argv[0] is preserved (P).
const Flags = "OCPF"

// ForELF returns an enabled entry for the 64-bit little-endian ELF programs of a
// machine, position-independent or not.
func ForELF(name string, machine elf.Machine, interpreter string) Entry {
	const size = 20 // up to e_machine
	magic := make([]byte, size)
	copy(magic, elf.ELFMAG)
	magic[elf.EI_CLASS] = byte(elf.ELFCLASS64)
	magic[elf.EI_DATA] = byte(elf.ELFDATA2LSB)
	magic[elf.EI_VERSION] = byte(elf.EV_CURRENT)
	binary.LittleEndian.PutUint16(magic[16:], uint16(elf.ET_EXEC))
	binary.LittleEndian.PutUint16(magic[18:], uint16(machine))
	mask := bytes.Repeat([]byte{0xff}, size)
	mask[elf.EI_OSABI] = 0
	mask[16] = 0xfe // ET_EXEC or ET_DYN
	return Entry{Name: name, Interpreter: interpreter, Flags: Flags, Enabled: true, Magic: magic, Mask: mask}
}

// Matches reports whether the entry is about a file that begins with head.
func (e *Entry) Matches(head []byte) bool {
	if len(e.Magic) == 0 || e.Offset < 0 || e.Offset > len(head) || len(head)-e.Offset < len(e.Magic) {
		return false
	}
	for i, m := range e.Magic {
		b := head[e.Offset+i]
		if e.Mask != nil {
			b, m = b&e.Mask[i], m&e.Mask[i]
		}
		if b != m {
			return false
		}
	}
	return true
}

// Has reports whether a flag is set.
func (e *Entry) Has(flag byte) bool { return strings.IndexByte(e.Flags, flag) >= 0 }

// Line is the entry as it is registered: what is written to the file register, and
// what stands in files of binfmt.d(5).
func (e *Entry) Line() (string, error) {
	kind, pattern := "M", escape(e.Magic)
	if e.Extension != "" {
		kind, pattern = "E", e.Extension
	}
	fields := []string{e.Name, kind, strconv.Itoa(e.Offset), pattern, escape(e.Mask), e.Interpreter, e.Flags}
	for _, delimiter := range ":,|@!" {
		if d := string(delimiter); !strings.Contains(strings.Join(fields, ""), d) {
			line := d + strings.Join(fields, d)
			if len(line) > maxLine {
				return "", fmt.Errorf("the path of the interpreter is too long: %s", e.Interpreter)
			}
			return line, nil
		}
	}
	return "", fmt.Errorf("the path of the interpreter has too many special characters: %s", e.Interpreter)
}

// maxLine is what the kernel accepts (MAX_REGISTER_LENGTH).
const maxLine = 1920

// escape writes bytes in the kernel's way: in hexadecimal, none as they are.
func escape(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		fmt.Fprintf(&s, `\x%02x`, c)
	}
	return s.String()
}

var errFormat = errors.New("not the format of binfmt_misc")

// parse reads the text of an entry's file.
func parse(name, text string) (Entry, error) {
	e := Entry{Name: name}
	var err error
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		key, value, _ := strings.Cut(line, " ")
		switch {
		case i == 0 && (line == "enabled" || line == "disabled"):
			e.Enabled = line == "enabled"
		case key == "interpreter":
			e.Interpreter = value
		case key == "flags:":
			e.Flags = value
		case key == "offset":
			e.Offset, err = strconv.Atoi(value)
		case key == "magic":
			e.Magic, err = hex.DecodeString(value)
		case key == "mask":
			e.Mask, err = hex.DecodeString(value)
		case key == "extension":
			e.Extension = strings.TrimPrefix(value, ".")
		default:
			err = errFormat
		}
		if err != nil {
			return e, fmt.Errorf("%s: %q: %w", name, line, err)
		}
	}
	if e.Interpreter == "" || e.Mask != nil && len(e.Mask) != len(e.Magic) {
		return e, fmt.Errorf("%s: %w", name, errFormat)
	}
	return e, nil
}
