package opt_test

import (
	"fmt"
	"strings"
	"testing"
)

// loadedBytes is guest code that loads bytes at offsets from x10, shifts each, and unites them. Something may stand between the last of
// these loads and the others. end is what is done with the union, $.
func loadedBytes(shift string, offsets, shifts []int, between, end string) string {
	var b strings.Builder
	b.WriteString("trace 0x1000\nbase = getx 10\n")
	for n, at := range offsets {
		if n == len(offsets)-1 {
			b.WriteString(between)
		}
		fmt.Fprintf(&b, "k%d = const %d\na%[1]d = add base, k%[1]d\nb%[1]d = load_u8 a%[1]d\nsetx b%[1]d, 12\n", n, at)
		fmt.Fprintf(&b, "n%d = const %d\ns%[1]d = %[3]s b%[1]d, n%[1]d\n", n, shifts[n], shift)
		if n == 0 {
			b.WriteString("u0 = or s0, s0\n")
		} else {
			fmt.Fprintf(&b, "u%d = or u%d, s%[1]d\n", n, n-1)
		}
	}
	fmt.Fprintf(&b, "%s\ngoto 0x2000", strings.ReplaceAll(end, "$", fmt.Sprintf("u%d", len(offsets)-1)))
	return b.String()
}

func TestJoin(t *testing.T) {
	const set = "setx $, 11"
	word, up, down := []int{4, 5, 6, 7}, []int{0, 8, 16, 24}, []int{24, 16, 8, 0}
	eight, up8 := []int{7, 6, 5, 4, 3, 2, 1, 0}, []int{56, 48, 40, 32, 24, 16, 8, 0}
	down8 := []int{0, 8, 16, 24, 32, 40, 48, 56}
	for _, c := range []struct{ name, text, want string }{
		{"a word", loadedBytes("sll", word, up, "", set), "x11 = load_u32(add(x10, 4))"},
		{"a word that is extended", loadedBytes("sll32", word, up, "", set), "x11 = load_s32(add(x10, 4))"},
		{"its bytes in reverse", loadedBytes("sll", word, down, "", set), "x11 = srl(rev8(load_u32(add(x10, 4))), 32)"},
		{"extended", loadedBytes("sll32", word, down, "", set), "x11 = sra(rev8(load_s32(add(x10, 4))), 32)"},
		{"a doubleword, from its end", loadedBytes("sll", eight, up8, "", set), "x11 = load_64(x10)"},
		{"in reverse", loadedBytes("sll", eight, down8, "", set), "x11 = rev8(load_64(x10))"},
		{"half a word", loadedBytes("sll", []int{1, 0}, []int{8, 0}, "", set), "x11 = load_u16(x10)"},
		{"another load in between", loadedBytes("sll", word, up, "o = getx 13\np = load_64 o\nsetx p, 14\n", set), ""},
		{"one of another place", loadedBytes("sll", word, up, "o = const 8\nq = add base, o\np = load_64 q\nsetx p, 14\n", set), "x11 = load_u32(add(x10, 4))"},
		{"a store in between", loadedBytes("sll", word, up, "o = getx 13\nstore_8 o, base\n", set), ""},
		{"a fence in between", loadedBytes("sll", word, up, "fence 255\n", set), ""},
		{"three bytes", loadedBytes("sll", word[:3], up[:3], "", set), ""},
		{"a byte that is missing", loadedBytes("sll", []int{4, 5, 7, 8}, up, "", set), ""},
		{"a byte twice", loadedBytes("sll", []int{4, 5, 6, 6}, up, "", set), ""},
		{"bytes in another order", loadedBytes("sll", []int{5, 4, 7, 6}, up, "", set), ""},
		{"a byte that is needed alone", loadedBytes("sll", word, up, "", set+"\nd = add b1, base\nsetx d, 14"), ""},
	} {
		text := after(t, c.text, "simplify", "join", "unused", "simplify again", "unused again")
		joined := !strings.Contains(text, "load_u8")
		if joined != (c.want != "") || !strings.Contains(text, c.want) {
			t.Errorf("%s: %s, want %q", c.name, text, c.want)
		}
	}
}

// TestJoinedParts: what registers hold on the way to a number, in any order of its bytes, is part of it.
func TestJoinedParts(t *testing.T) {
	const text = `
trace 0x1000
base = getx 10
one = const 1
two = const 2
k8 = const 8
k16 = const 16
k24 = const 24
three = const 3
a3 = add base, three
b3 = load_u8 a3
s3 = sll32 b3, k24
setx s3, 12
a1 = add base, one
b1 = load_u8 a1
s1 = sll b1, k8
u1 = or s3, s1
setx u1, 13
b0 = load_u8 base
u0 = or u1, b0
setx u0, 14
a2 = add base, two
b2 = load_u8 a2
setx b2, 15
s2 = sll b2, k16
u2 = or u0, s2
setx u2, 11
goto 0x2000`
	got := after(t, text, "simplify", "join", "unused", "simplify again", "unused again")
	for _, want := range []string{"x11 = load_s32(x10)", "x12 = and(load_s32(x10), 0xffffffffff000000)", "x13 = and(load_s32(x10), 0xffffffffff00ff00)"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

// TestJoinedExtension: a word that is extended on the way to a doubleword is so still.
func TestJoinedExtension(t *testing.T) {
	end := `low = sext32 $
setx low, 12
z = zext32 low
four = const 4
a4 = add base, four
h0 = load_u32 a4
k32 = const 32
h = sll h0, k32
all = or h, z
setx all, 11`
	text := loadedBytes("sll", []int{0, 1, 2, 3}, []int{0, 8, 16, 24}, "", end)
	got := after(t, text, "simplify", "join", "unused", "simplify again", "unused again")
	if !strings.Contains(got, "x12 = sext32(load_64(x10))") || !strings.Contains(got, "x11 = load_64(x10)") {
		t.Error(got)
	}
}
