package seccomp

import (
	"bytes"
	"encoding/binary"
	"testing"
)

const (
	load = classLD | modeABS
	ret  = classRET
	jeq  = classJMP | opJEQ
)

// TestPrecedence: the most severe action counts, of equals that of the latest filter.
func TestPrecedence(t *testing.T) {
	order := []Action{KillProcess, KillThread, Trap, Errno, UserNotif, Trace, Log, Allow}
	for i, severe := range order {
		for _, mild := range order[i:] {
			for _, pair := range [][2]Action{{severe, mild}, {mild, severe}} {
				f := chain(t, pair[0], pair[1])
				if got := f.Evaluate(new(Data)); got != severe {
					t.Errorf("%x, then %x: %x, want %x", pair[0], pair[1], got, severe)
				}
			}
		}
	}
	if got := chain(t, Errno|1, Errno|2).Evaluate(new(Data)); got != Errno|2 {
		t.Errorf("two errors: %x", got)
	}
	if got := (*Filter)(nil).Evaluate(new(Data)); got != Allow {
		t.Errorf("no filter: %x", got)
	}
}

func chain(t *testing.T, actions ...Action) (f *Filter) {
	t.Helper()
	for _, a := range actions {
		next, err := Append(f, []Instruction{{ret, 0, 0, uint32(a)}}, false)
		if err != nil {
			t.Fatal(err)
		}
		f = next
	}
	return f
}

// TestData: each word of struct seccomp_data is where linux/seccomp.h has it.
func TestData(t *testing.T) {
	d := Data{1, 2, 0x400000003, [6]uint64{0x600000005, 0x800000007, 0xa00000009, 0xc0000000b, 0xe0000000d, 0x100000000f}}
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, &d); err != nil || b.Len() != DataSize {
		t.Fatal(b.Len(), err)
	}
	for at := uint32(0); at < DataSize; at += 4 {
		f, err := Append(nil, []Instruction{{load, 0, 0, at}, {ret | retA, 0, 0, 0}}, false)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := f.Evaluate(&d), binary.LittleEndian.Uint32(b.Bytes()[at:]); uint32(got) != want {
			t.Errorf("offset %d: %x, want %x", at, got, want)
		}
	}
}

// TestMarshal: a chain survives its way through bytes, and damaged bytes are refused.
func TestMarshal(t *testing.T) {
	f := chain(t, Errno|1, Allow, Log)
	f, err := Append(f, []Instruction{{load, 0, 0, 0}, {jeq, 0, 1, 7}, {ret, 0, 0, uint32(Trap)}, {ret, 0, 0, uint32(Allow)}}, true)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := f.MarshalBinary()
	g, err := Unmarshal(b)
	if err != nil || g.Len() != 4 || !g.Listener {
		t.Fatal(g, err)
	}
	for _, nr := range []int32{6, 7} {
		d := Data{Nr: nr}
		if f.Evaluate(&d) != g.Evaluate(&d) {
			t.Error("they differ for", nr)
		}
	}
	if again, _ := g.MarshalBinary(); !bytes.Equal(again, b) {
		t.Error("bytes differ")
	}
	for n := range b {
		if g, err := Unmarshal(b[:n]); err == nil && g.Len() == 4 && g.Listener {
			t.Error("accepted when cut at", n)
		}
	}
}

// FuzzCheck: what Check passes can be evaluated.
func FuzzCheck(f *testing.F) {
	f.Add(Encode(nil, []Instruction{{load, 0, 0, 0}, {jeq, 0, 1, 7}, {ret, 0, 0, 0}, {ret | retA, 0, 0, 0}}), int32(7))
	f.Fuzz(func(t *testing.T, b []byte, nr int32) {
		program := Decode(b)
		if Check(program) != nil {
			return
		}
		filter, err := Append(nil, program, false)
		if err != nil {
			t.Fatal(err)
		}
		filter.Evaluate(&Data{Nr: nr})
	})
}
