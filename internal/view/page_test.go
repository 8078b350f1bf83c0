//go:build linux && amd64

package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hospes-vm/hospes/internal/engine"
	"github.com/hospes-vm/hospes/internal/guest/riscv"
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/jit"
	"github.com/hospes-vm/hospes/internal/opt"
)

// sums is guest code with a loop in another one.
var sums = []byte{
	0x93, 0x07, 0x00, 0x00, // 10000: li a5,0
	0x13, 0x87, 0x05, 0x00, // 10004: mv a4,a1
	0x83, 0x32, 0x05, 0x00, // 10008: ld t0,0(a0)
	0x13, 0x05, 0x85, 0x00, // 1000c: addi a0,a0,8
	0xbb, 0x87, 0x57, 0x00, // 10010: addw a5,a5,t0
	0x63, 0xce, 0x07, 0x00, // 10014: bltz a5,10030
	0x13, 0x07, 0xf7, 0xff, // 10018: addi a4,a4,-1
	0xe3, 0x16, 0x07, 0xfe, // 1001c: bnez a4,10008
	0x23, 0x30, 0xf6, 0x00, // 10020: sd a5,0(a2)
	0x13, 0x06, 0x86, 0x00, // 10024: addi a2,a2,8
	0x93, 0x86, 0xf6, 0xff, // 10028: addi a3,a3,-1
	0xe3, 0x9a, 0x06, 0xfc, // 1002c: bnez a3,10000
	0x67, 0x80, 0x00, 0x00, // 10030: ret
}

// hostile is a symbol of a guest that wants to be markup.
const hostile = `</script><!--<script>document.title = "owned"</script><img src=x onerror="document.title='owned'">&lt;'` + "\xff\x00\u2028"

// optimised is the region of sums as an observer gets to see it, its inner loop
// executed about n times.
func optimised(t *testing.T, name string, n uint64) *engine.Optimisation {
	t.Helper()
	o := &engine.Optimisation{History: new(opt.History)}
	ways := map[uint64]opt.Way{guestPC: {To: 0, Count: n / 1000}, guestPC + 8: {To: 1, Count: n}, guestPC + 48: {To: 2, Count: 1}}
	for _, part := range [][2]int{{0, 8}, {8, 48}, {48, 52}} {
		start, end := part[0], part[1]
		trace, _, size := new(riscv.CPU).NewLifter().Lift(sums[start:end], guestPC+uint64(start), 0)
		if size != end-start {
			t.Fatalf("the trace at %#x ends after %d bytes", start, size)
		}
		s := opt.Source{Trace: trace, Guest: sums[start:end]}
		for k, i := range trace.Code {
			if to, ok := ways[i.Imm]; ok && (i.Op == ir.ExitIf || i.Op == ir.Goto) {
				to.From = ir.Value(k)
				if i.Op == ir.Goto {
					to.Count = min(to.Count, n/1000)
				}
				s.Ways = append(s.Ways, to)
			}
		}
		o.Sources, o.Names = append(o.Sources, s), append(o.Names, fmt.Sprintf("sums+%#x", start))
	}
	r, err := opt.Form(o.Sources)
	if err != nil {
		t.Fatal(err)
	}
	o.History.Note("form", r)
	o.History.Note("nothing", r)
	dropConstants(r)
	o.History.Note("drop", r)
	compile(t, o, r, name)
	return o
}

// dropConstants is a pass: constants that nobody uses go.
func dropConstants(r *opt.Region) {
	uses := r.Uses()
	for _, b := range r.Blocks {
		b.Code = slices.DeleteFunc(b.Code, func(v ir.Value) bool { return r.Code[v].Op == ir.Const && uses[v] == 0 })
	}
}

func compile(t *testing.T, o *engine.Optimisation, r *opt.Region, name string) {
	t.Helper()
	g, err := opt.Lower(r)
	if err != nil {
		t.Fatal(err)
	}
	a := &amd64.Assembler{Buf: make([]byte, 0, 1<<16)}
	a.Nop(16)
	c := jit.Compiler{Features: allFeatures, Limit: 1 << 38, FirstExit: jit.FirstExit, Stubs: jit.EmitStubs(a), MarkOps: true}
	made, err := c.CompileGraph(a, g)
	if err != nil {
		t.Fatal(err)
	}
	o.Graph, o.Translation = g, &engine.Translation{
		PC: guestPC, Name: name, Code: a.Buf[made.Start:made.End], Host: 0x7f0000000000 + uintptr(made.Start), Made: made, Stubs: c.Stubs,
	}
}

var pageOptions = Options{Disassemble: riscv.Disassemble, Register: riscv.RegisterName}

// pageOf is a page with regions.
func pageOf(list ...*engine.Optimisation) []byte {
	var b bytes.Buffer
	p := NewPage(&b, pageOptions, false)
	for _, o := range list {
		p.Add(o)
	}
	return b.Bytes()
}

var regionElement = regexp.MustCompile(`(?s)<script type="application/json" class="region">(.*?)</script>\n`)

// regionsOf are the data of a page.
func regionsOf(t *testing.T, page []byte) (list []pageRegion) {
	t.Helper()
	for _, m := range regionElement.FindAllSubmatch(page, -1) {
		var r pageRegion
		if err := json.Unmarshal(m[1], &r); err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	return list
}

// instrsOf are the instructions of a region.
func instrsOf(t *testing.T, r *pageRegion) []pageInstr {
	t.Helper()
	list := make([]pageInstr, len(r.Instrs))
	for n := range list {
		if err := json.Unmarshal(r.Instrs[n], &list[n]); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// TestPageRegion compares what is told of a region with what is known of it.
func TestPageRegion(t *testing.T) {
	r := regionsOf(t, pageOf(optimised(t, "sums+0x0", 8_000_000)))[0]
	var got strings.Builder
	fmt.Fprintf(&got, "%s %s, %d blocks\n", r.PC, r.Name, len(r.Steps[0].Blocks))
	for _, s := range r.Sources {
		for _, g := range s.Groups {
			for _, k := range g.Code {
				fmt.Fprintf(&got, "%s %v %s: %s\n", s.Name, g.Blocks, r.Guest[k].PC, r.Guest[k].Text)
			}
		}
	}
	for _, b := range r.Steps[0].Blocks {
		fmt.Fprintf(&got, "b%d %s ×%d depth %d of b%d, from %v to %v\n", b.Key, b.PC, b.Count, b.Depth, b.Head, b.Preds, b.Next)
	}
	for _, h := range r.Homes {
		fmt.Fprintf(&got, "%s in %s %t\n", r.Vars[h.Var], h.Reg, h.Set)
	}
	const want = `0x10000 sums+0x0, 7 blocks
sums+0x0 [1] 0x10000: li a5,0
sums+0x0 [1] 0x10004: mv a4,a1
sums+0x8 [2] 0x10008: ld t0,0(a0)
sums+0x8 [2] 0x1000c: addi a0,a0,8
sums+0x8 [2] 0x10010: addw a5,a5,t0
sums+0x8 [2] 0x10014: bltz a5,0x10030
sums+0x8 [3] 0x10018: addi a4,a4,-1
sums+0x8 [3] 0x1001c: bnez a4,0x10008
sums+0x8 [4] 0x10020: sd a5,0(a2)
sums+0x8 [4] 0x10024: addi a2,a2,8
sums+0x8 [4] 0x10028: addi a3,a3,-1
sums+0x8 [4] 0x1002c: bnez a3,0x10000
sums+0x30 [6] 0x10030: ret
b0 0x10000 ×0 depth 0 of b0, from [] to [{1 0x10000 0}]
b1 0x10000 ×8000 depth 1 of b1, from [0 4] to [{2 0x10008 8000}]
b2 0x10008 ×8008000 depth 2 of b2, from [1 3] to [{6 0x10030 1} {3 0x10018 0}]
b3 0x10018 ×8007999 depth 2 of b2, from [2] to [{2 0x10008 8000000} {4 0x10020 0}]
b4 0x10020 ×7999 depth 1 of b1, from [3] to [{1 0x10000 8000} {5 0x10030 0}]
b5 0x10030 ×0 depth 0 of b0, from [4] to [{6 0x10030 1}]
b6 0x10030 ×2 depth 0 of b0, from [2 5] to []
a4 in r11 true
a5 in r12 true
a0 in rdi true
a2 in r9 true
a3 in r10 true
t0 in r13 true
a1 in r8 false
ra in  false
`
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got.String(), "\n")); diff != "" {
		t.Errorf("the region (-want +got):\n%s", diff)
	}
	if want := uint64(2*8000 + 4*8008000 + 2*8007999 + 4*7999 + 2); r.Heat != want {
		t.Errorf("%d guest instructions are said to have been executed, want %d", r.Heat, want)
	}
}

// TestPageSteps: what a pass does is told, and what it does not is not repeated.
func TestPageSteps(t *testing.T) {
	r := regionsOf(t, pageOf(optimised(t, "sums", 1000)))[0]
	instrs := instrsOf(t, &r)
	form, nothing, drop := r.Steps[0], r.Steps[1], r.Steps[2]
	if form.Name != "form" || nothing.Name != "nothing" || drop.Name != "drop" || nothing.Took == "" {
		t.Error("names and times of passes are lost")
	}
	if nothing.Blocks != nil || nothing.Dead != nil {
		t.Error("a pass that has done nothing has blocks")
	}
	in := func(s pageStep, op string) (list []ir.Value) {
		for _, b := range s.Blocks {
			for _, n := range slices.Concat(b.Phis, b.Code) {
				if instrs[n].Op == op {
					list = append(list, instrs[n].Value)
				}
			}
		}
		return list
	}
	live := func(v ir.Value) bool { return !slices.Contains(form.Dead, v) }
	before, after := in(form, "const"), in(drop, "const")
	if len(after) == 0 || len(after) == len(before) {
		t.Errorf("%d constants before, %d after", len(before), len(after))
	}
	if diff := cmp.Diff(after, slices.DeleteFunc(before, func(v ir.Value) bool { return !live(v) })); diff != "" {
		t.Errorf("constants that are used (-not dropped +not dead):\n%s", diff)
	}
	for _, op := range []string{"load_64", "store_64", "setx", "exitif", "ret", "add", "sext32"} {
		if list := in(form, op); len(list) == 0 || !slices.Equal(list, slices.DeleteFunc(slices.Clone(list), func(v ir.Value) bool { return !live(v) })) {
			t.Errorf("%s: none of %v is dead", op, list)
		}
	}
}

// TestPageHost: host code is there for the guest instructions that it looks like.
func TestPageHost(t *testing.T) {
	r := regionsOf(t, pageOf(optimised(t, "sums", 1000)))[0]
	instrs := map[ir.Value]string{}
	for _, i := range instrsOf(t, &r) {
		if i.Op != "setx" {
			instrs[i.Value] = i.Op
		}
	}
	found := map[string]string{}
	for _, h := range r.Host {
		if h.Guest == 0 {
			continue
		}
		ops := []string{}
		for _, v := range h.Values {
			ops = append(ops, instrs[v])
		}
		what := fmt.Sprintf("b%d %s %v; ", h.Block, strings.Fields(h.Text)[0], ops)
		found[r.Guest[h.Guest].Text] += what
	}
	for guest, want := range map[string]string{
		"ld t0,0(a0)":     "b2 cmp [load_64]; b2 jnb [load_64]; b2 mov [load_64]; ",
		"addi a0,a0,8":    "b2 add [add const]; ",
		"addw a5,a5,t0":   "b2 add [sext32 add]; b2 movsxd [sext32 add]; ",
		"bltz a5,0x10030": "b2 test [exitif lts const]; b2 jl [exitif lts const]; ",
		"addi a2,a2,8":    "b4 add [add const]; ",
	} {
		if found[guest] != want {
			t.Errorf("%s: %s\nwant %s", guest, found[guest], want)
		}
	}
}

// TestPageHostile: what a guest calls its functions is no markup.
func TestPageHostile(t *testing.T) {
	page := pageOf(optimised(t, hostile, 1000))
	list := regionsOf(t, page)
	if want := strings.ToValidUTF8(hostile, "\ufffd"); len(list) != 1 || list[0].Name != want {
		t.Fatalf("%d regions, the first is not %q", len(list), want)
	}
	data := regionElement.FindSubmatch(page)[1]
	if at := bytes.IndexAny(data, "<>&"); at >= 0 {
		t.Errorf("there is markup in data: %q", data[at:][:min(20, len(data)-at)])
	}
	if b := pageOf(); !bytes.HasPrefix(page, b) || len(page) != len(b)+len(regionElement.Find(page)) {
		t.Error("there is something else on the page")
	}
}

// TestPageAlone: a page refers to nothing outside.
func TestPageAlone(t *testing.T) {
	text := strings.ReplaceAll(pageHead(), "http://www.w3.org/2000/svg", "") // a name, which nobody loads
	if m := regexp.MustCompile(`https?:|//\w|@import|url\([^#]|src=|<link`).FindString(text); m != "" {
		t.Errorf("a page has %q", m)
	}
}

// TestPageFull: a page does not grow without end, and says so.
func TestPageFull(t *testing.T) {
	var b bytes.Buffer
	p := NewPage(&b, pageOptions, true)
	o := optimised(t, strings.Repeat("long", maxPage/4/10), 1000)
	for range 12 {
		p.Add(o)
	}
	if n := len(regionElement.FindAll(b.Bytes(), -1)); n != 9 {
		t.Errorf("%d regions of a tenth each", n)
	}
	if n := bytes.Count(b.Bytes(), []byte(`class="more"`)); n != 1 {
		t.Errorf("it is said %d times that there are more", n)
	}
}

// TestPageUncompiled: a region that could not be compiled has no host code.
func TestPageUncompiled(t *testing.T) {
	o := optimised(t, "sums", 1000)
	o.Made, o.Code, o.Graph = nil, nil, nil
	r := regionsOf(t, pageOf(o))[0]
	if len(r.Steps) != 3 || r.Host != nil || r.Chains != nil {
		t.Error("there is more, or less, of the region")
	}
}
