package difftest

import (
	"debug/elf"
	"encoding/binary"
)

// Where the program's two segments are. Nothing else is near, so that jumps and accesses
// that go wrong fault.
const (
	codeBase = 0x20000000
	dataBase = 0x30000000
)

// image returns a static riscv64 executable: code to execute from its first byte, data to
// read and write with bss zero bytes after it.
func image(code, data []byte, bss int) []byte {
	const page, headers = 4096, 64 + 2*56
	codeOff := uint64(page)
	dataOff := (codeOff + uint64(len(code)) + page - 1) &^ (page - 1)
	h := elf.Header64{
		Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_RISCV), Version: 1,
		Entry: codeBase, Phoff: 64, Flags: 5, // RVC, double-float ABI
		Ehsize: 64, Phentsize: 56, Phnum: 2,
	}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS] = byte(elf.ELFCLASS64)
	h.Ident[elf.EI_DATA] = byte(elf.ELFDATA2LSB)
	h.Ident[elf.EI_VERSION] = 1
	segments := []elf.Prog64{
		{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Off: codeOff, Vaddr: codeBase, Paddr: codeBase,
			Filesz: uint64(len(code)), Memsz: uint64(len(code)), Align: page},
		{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_W), Off: dataOff, Vaddr: dataBase, Paddr: dataBase,
			Filesz: uint64(len(data)), Memsz: uint64(len(data) + bss), Align: page},
	}
	b := make([]byte, 0, int(dataOff)+len(data))
	b, _ = binary.Append(b, binary.LittleEndian, h) // fixed-size values: cannot fail
	b, _ = binary.Append(b, binary.LittleEndian, segments)
	b = append(b, make([]byte, codeOff-headers)...)
	b = append(b, code...)
	b = append(b, make([]byte, dataOff-uint64(len(b)))...)
	return append(b, data...)
}
