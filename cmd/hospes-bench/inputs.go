package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// inputs makes what Debian's programs work on. It is the same each time.
var inputs = map[string]func(*rand.Rand) []byte{
	"text":         func(r *rand.Rand) []byte { return text(r, 4_000_000) },
	"short":        func(r *rand.Rand) []byte { return text(r, 600_000) },
	"large":        func(r *rand.Rand) []byte { return bytes.Repeat(text(r, 1<<20), 100) },
	"records.json": records,
	"wide.c":       wideC,
}

// writeInputs writes the inputs, and copies the scripts of bench/real, to a directory.
func writeInputs(dir string) error {
	for name, generate := range inputs {
		seed := [32]byte{byte(len(name))}
		if err := os.WriteFile(filepath.Join(dir, name), generate(rand.New(rand.NewChaCha8(seed))), 0o644); err != nil {
			return err
		}
	}
	scripts, err := filepath.Glob(filepath.Join(sources, "real", "*"))
	if err != nil {
		return err
	}
	for _, s := range scripts {
		b, err := os.ReadFile(s)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(s)), b, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// text is lines of words, frequent and rare ones, of at least size bytes.
func text(r *rand.Rand, size int) []byte {
	syllables := strings.Fields("the re ti con ver al sta men in ter com pro ba lo mi ne ra so tu ex ab ly ing er")
	words := make([]string, 4000)
	for i := range words {
		for range 1 + r.IntN(4) {
			words[i] += syllables[r.IntN(len(syllables))]
		}
	}
	var b bytes.Buffer
	for b.Len() < size {
		for range 5 + r.IntN(10) {
			k := int(float64(len(words)) * r.Float64() * r.Float64() * r.Float64())
			b.WriteString(words[k])
			b.WriteByte(" ,.  "[r.IntN(5)])
		}
		fmt.Fprintf(&b, "%d\n", r.IntN(100000))
	}
	return b.Bytes()
}

// records is a JSON array of objects.
func records(r *rand.Rand) []byte {
	var b bytes.Buffer
	b.WriteString("[")
	for i := range 50000 {
		if i > 0 {
			b.WriteString(",\n")
		}
		tags := strings.Repeat(`"tag",`, r.IntN(6)) + `"last"`
		fmt.Fprintf(&b, `{"n": %d, "name": "name \"%d\" \u00e9", "price": %.2f, "tags": [%s], "sub": {"a": null, "b": true}}`, i, r.IntN(5000), r.Float64()*100, tags)
	}
	b.WriteString("]\n")
	return b.Bytes()
}

// wideLines is how long the C file is.
const wideLines = 2000

// wideC is a C file of many different functions: what a compiler does with it is wide and
// shallow.
func wideC(r *rand.Rand) []byte {
	var b bytes.Buffer
	b.WriteString("#include <math.h>\n#include <stdint.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n\n")
	fmt.Fprint(&b, "struct item { int kind; double weight; char name[24]; struct item *next; };\n\n")
	forms := []func(*bytes.Buffer, *rand.Rand, int){wideLoop, wideSwitch, wideList, wideText, wideFloat}
	n := 0
	for ; bytes.Count(b.Bytes(), []byte("\n")) < wideLines-30; n++ {
		forms[n%len(forms)](&b, r, n)
	}
	b.WriteString("int main(void)\n{\n\tlong sum = 0;\n\tstruct item *list = NULL;\n\tchar text[200] = \"\";\n")
	for i := range forms {
		fmt.Fprintf(&b, "\tsum += f%d(%d, &list, text);\n", n-1-i, i+3)
	}
	b.WriteString("\tprintf(\"%ld\\n\", sum);\n\treturn 0;\n}\n")
	for lines := bytes.Count(b.Bytes(), []byte("\n")); lines < wideLines; lines++ {
		b.WriteString("// end\n")
	}
	return b.Bytes()
}

// wideHead begins the function f<n>, wideTail ends it with a call of an earlier one.
func wideHead(b *bytes.Buffer, n int) {
	fmt.Fprintf(b, "long f%d(long n, struct item **list, char *text)\n{\n\tlong sum = n;\n", n)
}

func wideTail(b *bytes.Buffer, r *rand.Rand, n int) {
	if n > 0 {
		fmt.Fprintf(b, "\tif (sum %% %d == 1)\n\t\tsum += f%d(n - %d, list, text);\n", 3+r.IntN(20), r.IntN(n), 1+r.IntN(9))
	}
	b.WriteString("\treturn sum;\n}\n\n")
}

// operator is one of C's binary ones.
func operator(r *rand.Rand) string { return []string{"+", "-", "*", "^", "|", "&"}[r.IntN(6)] }

func wideLoop(b *bytes.Buffer, r *rand.Rand, n int) {
	wideHead(b, n)
	fmt.Fprintf(b, "\tlong a[%d] = {%d, %d};\n\tfor (long i = 0; i < %d; i++) {\n", 20+r.IntN(20), r.IntN(99), r.IntN(99), 5+r.IntN(15))
	for range 4 + r.IntN(4) {
		fmt.Fprintf(b, "\t\ta[i %% %d] = a[i] %s (sum >> %d) %s %d;\n", 2+r.IntN(18), operator(r), 1+r.IntN(9), operator(r), r.IntN(1000))
	}
	fmt.Fprintf(b, "\t\tif (a[i] > n %s %d)\n\t\t\tcontinue;\n\t\tsum += a[(i * %d) %% 20];\n\t}\n", operator(r), r.IntN(50), 1+r.IntN(7))
	wideTail(b, r, n)
}

func wideSwitch(b *bytes.Buffer, r *rand.Rand, n int) {
	wideHead(b, n)
	fmt.Fprintf(b, "\tswitch ((n %s %d) & 7) {\n", operator(r), r.IntN(100))
	for k := range 8 {
		fmt.Fprintf(b, "\tcase %d: sum = sum %s (n << %d); break;\n", k, operator(r), r.IntN(8))
	}
	fmt.Fprintf(b, "\tdefault: abort();\n\t}\n\twhile (sum > %d)\n\t\tsum = sum / %d - 1;\n", 1000+r.IntN(9000), 2+r.IntN(9))
	wideTail(b, r, n)
}

func wideList(b *bytes.Buffer, r *rand.Rand, n int) {
	wideHead(b, n)
	fmt.Fprintf(b, "\tstruct item *i = calloc(1, sizeof *i);\n\tif (!i)\n\t\treturn -1;\n\ti->kind = (int)(n %s %d);\n", operator(r), r.IntN(100))
	fmt.Fprintf(b, "\ti->weight = %d.%d / (double)(n * n + 1);\n\tsnprintf(i->name, sizeof i->name, \"item %%ld\", n);\n\ti->next = *list;\n\t*list = i;\n", r.IntN(100), r.IntN(100))
	fmt.Fprintf(b, "\tfor (struct item *p = *list; p; p = p->next)\n\t\tif (p->kind %% %d == 0 && strcmp(p->name, \"item %d\") != 0)\n\t\t\tsum += p->kind + (long)p->weight;\n", 2+r.IntN(5), r.IntN(50))
	wideTail(b, r, n)
}

func wideText(b *bytes.Buffer, r *rand.Rand, n int) {
	wideHead(b, n)
	fmt.Fprintf(b, "\tchar line[64];\n\tint k = snprintf(line, sizeof line, \"%%ld:%s-%%d\", n, %d);\n", strings.Repeat("x", r.IntN(8)), r.IntN(100))
	fmt.Fprintf(b, "\tfor (char *p = line; *p; p++) {\n\t\tif (*p >= '0' && *p <= '9')\n\t\t\tsum = sum * %d + (*p - '0');\n\t\telse if (*p == '%c')\n\t\t\tsum ^= %d;\n\t}\n", 2+r.IntN(9), 'a'+rune(r.IntN(26)), r.IntN(1000))
	fmt.Fprintf(b, "\tif (strlen(text) + (size_t)k < 190 && strchr(line, '%c'))\n\t\tstrcat(text, line);\n", '0'+rune(r.IntN(10)))
	wideTail(b, r, n)
}

func wideFloat(b *bytes.Buffer, r *rand.Rand, n int) {
	wideHead(b, n)
	fmt.Fprintf(b, "\tdouble x = (double)n * 0.%d, y = %d.5;\n\tfor (int i = 0; i < %d; i++) {\n", 1+r.IntN(99), r.IntN(10), 3+r.IntN(10))
	fmt.Fprintf(b, "\t\ty = fabs(x - y) * %d.%d + (double)i;\n\t\tx = x < y ? x + 1.0 / (y + %d) : x * 0.5;\n\t}\n", r.IntN(5), r.IntN(100), 1+r.IntN(9))
	b.WriteString("\tsum += (long)(x * 1000) + (y > 10 ? (long)y : (long)sqrt(fabs(y)));\n")
	wideTail(b, r, n)
}
