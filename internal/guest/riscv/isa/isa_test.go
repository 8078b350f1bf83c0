package isa

import (
	"strings"
	"testing"
)

func TestLoad(t *testing.T) {
	rows, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) < 200 {
		t.Errorf("%d rows", len(rows))
	}
}

// TestParseErrors feeds rows that must be refused, with the reason.
func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ row, want string }{
		{"x | 000 rd 01 | rd | rd = 1", "encoding has 10 bits"},
		{"x | 0000000 rs2 rs1 000 rq 0110011 | rd | rd = rs1", `unknown field "rq"`},
		{"x | 0000000 rs2 rs1 000 rd 0110011 | rd | rd = zimm", "lacks zimm"},
		{"x | 0000000 rs2 rs1 000 rd 0110011 | rd | rd = frob(rs1)", "not in the vocabulary"},
		{"x | 0000000 rs2 rs1 000 rd 0110011 | rd | rd = rs1 / rs2", "operator / not allowed"},
		{"x | 0000000 rs2 rs1 000 rd 0110011 | rd | rd = lo32(rs1)", "type u32"},
		{"x | 0000000 rs2 rs1 000 rd 0110011 | rd | rd = sll(rs1)", "takes 2 arguments"},
		{"x | 0000000 rs2 rs1 000 rd 0110011 | rd | rs1 = rd", "cannot assign to rs1"},
		{"x | 0000000 rs2 rs1 000 rd 0110011 ; imm!=0 | rd | rd = rs1", "condition on imm"},
		{"x | 0000000 rs2 rs1 000 rd 0110011 | rd | rd = rs1\nx | 0000000 rs2 rs1 001 rd 0110011 | rd | rd = rs1", "x is also at"},
		{"x | 0000000 rs2 rs1 000 rd 0110011 | rd | rd = rs1\ny | 0000000 rs1 rs2 000 rd 0110011 | rd | rd = rs1", "overlaps"},
		{"x | 0 rs2 000000 rs1 000 rd 0110011 | rd | rd = rs1\ny | 0000000 rs2 rs1 ... rd 0110011 | rd | rd = rs1", "overlaps"},
		{"x | 000 rd 000000 01 | = y rd", "does not fit"},
	} {
		rows, err := Parse("test.isa", c.row)
		if err == nil {
			err = Check(rows)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q", c.row, err, c.want)
		}
	}
}
