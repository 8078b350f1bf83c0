package riscv

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hospes-vm/hospes/internal/guest/riscv/encoding"
)

// objdumpExts are the tables that GNU binutils 2.40 knows.
var objdumpExts = map[string]bool{
	"rv64i": true, "m": true, "a": true, "f": true, "d": true, "c": true,
	"zicsr": true, "zifencei": true, "zba": true, "zbb": true, "zbs": true,
	"zawrs": true, "zicbo": true, "zfhmin": true,
}

// TestObjdump compares the disassembler with GNU objdump on random forms of all
// instructions that it knows.
func TestObjdump(t *testing.T) {
	const prefix = "riscv64-linux-gnu-"
	for _, tool := range []string{"as", "objdump"} {
		if _, err := exec.LookPath(prefix + tool); err != nil {
			t.Skip(prefix + tool + " is not installed")
		}
	}
	rnd := rand.New(rand.NewPCG(7, 8))
	var code []byte
	var src bytes.Buffer
	for i := range rows {
		r := &rows[i]
		if !objdumpExts[r.Ext] {
			continue
		}
		for range 40 {
			w := objdumpWord(r, rnd)
			if r.Len == 2 {
				code = binary.LittleEndian.AppendUint16(code, uint16(w))
				fmt.Fprintf(&src, ".insn 2, %#x\n", w)
				continue
			}
			code = binary.LittleEndian.AppendUint32(code, w)
			fmt.Fprintf(&src, ".insn 4, %#x\n", w)
		}
	}
	dir := t.TempDir()
	asmFile, objFile := filepath.Join(dir, "x.s"), filepath.Join(dir, "x.o")
	if err := os.WriteFile(asmFile, src.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	command(t, prefix+"as", "-march=rv64gc_zba_zbb_zbs_zawrs_zicbom_zicbop_zicboz_zihintpause_zfhmin", "-o", objFile, asmFile)
	want := parseObjdump(command(t, prefix+"objdump", "-d", "-z", "-w", objFile))

	bad := 0
	for at := 0; at < len(code); {
		text, n := Disassemble(code[at:min(at+4, len(code))], uint64(at))
		got := normalise(text)
		if strings.HasPrefix(want[uint64(at)], "c.") { // a hint
			if in := decodeWord(uint32(binary.LittleEndian.Uint16(code[at:]))); in.rd != sink && in.imm != 0 {
				t.Errorf("%x: %q is no hint", at, got)
			}
		} else if got != want[uint64(at)] {
			t.Errorf("%x: % x: %q, objdump says %q", at, code[at:at+n], got, want[uint64(at)])
			if bad++; bad > 20 {
				t.FailNow()
			}
		}
		at += n
	}
}

// objdumpWord returns a random word of r, without what objdump 2.40 does not
// take: ignored bits that are not 0, exact conversions that round, and CSR
// numbers that would need all names.
func objdumpWord(r *encoding.Row, rnd *rand.Rand) uint32 {
	w := randomWord(r, rnd)
	used := r.Mask
	for i := range r.Fields {
		for _, s := range r.Fields[i].Slices {
			used |= (1<<s.Width - 1) << s.From
		}
	}
	w &= used
	if slices.Contains(r.Operands, "rne") {
		w &^= 7 << 12
	}
	if r.Kind&encoding.CSR != 0 {
		nr := []uint32{1, 2, 3, 0xc00, 0xc01, 0xc02, 0x8ff}[rnd.IntN(7)]
		w = w&0xfffff | nr<<20
	}
	if r.Name == "fence" {
		w &= 0x0fffffff // no fm
	}
	return w
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

var (
	objdumpLine = regexp.MustCompile(`^ *([0-9a-f]+):\t[0-9a-f ]+\t(.*)$`)
	// A branch target is printed as bare hexadecimal and a symbol.
	objdumpTarget = regexp.MustCompile(`([\t,])([0-9a-f]+) <[^>]*>`)
)

// parseObjdump returns the disassembly by address.
func parseObjdump(out string) map[uint64]string {
	m := map[uint64]string{}
	for _, line := range strings.Split(out, "\n") {
		p := objdumpLine.FindStringSubmatch(line)
		if p == nil {
			continue
		}
		var addr uint64
		fmt.Sscanf(p[1], "%x", &addr)
		text, _, _ := strings.Cut(p[2], " #")
		text = objdumpTarget.ReplaceAllString(text, "${1}0x$2")
		m[addr] = strings.TrimSpace(text)
	}
	return m
}

// immediateNames are base names that objdump 2.40 uses for the forms with an
// immediate as well; later versions print the full name, as we do.
var immediateNames = map[string]string{
	"addi": "add", "addiw": "addw", "andi": "and", "ori": "or", "xori": "xor",
	"slli": "sll", "srli": "srl", "srai": "sra",
	"slliw": "sllw", "srliw": "srlw", "sraiw": "sraw",
	"bclri": "bclr", "bexti": "bext", "binvi": "binv", "bseti": "bset",
	"rori": "ror", "roriw": "rorw",
	"csrrwi": "csrrw", "csrrsi": "csrrs", "csrrci": "csrrc", "csrwi": "csrw", "csrsi": "csrs", "csrci": "csrc",
}

// normalise turns our text into what objdump 2.40 prints.
func normalise(text string) string {
	name, args, _ := strings.Cut(text, "\t")
	if s, ok := immediateNames[name]; ok {
		name = s
	}
	if args == "" {
		return name
	}
	return name + "\t" + args
}
