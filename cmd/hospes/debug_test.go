package main

import "testing"

func TestParseDebugAddress(t *testing.T) {
	for v, want := range map[string]string{
		"1234": "127.0.0.1:1234", ":1234": "0.0.0.0:1234", "localhost:1": "127.0.0.1:1", "10.0.0.1:80": "10.0.0.1:80", "[::1]:80": "[::1]:80",
		"1234,suspend=n": "127.0.0.1:1234 runs", "1234,suspend=y": "127.0.0.1:1234", "/tmp/s": "/tmp/s", "/tmp/s,suspend=n": "/tmp/s runs",
		"": "", "x": "", "65536": "", "host:1": "", "1234,nowait": "", "-1": "", "1:2:3": "",
	} {
		d, err := parseDebugAddress(v)
		got := d.path
		if d.addr.IsValid() {
			got = d.addr.String()
		}
		if d.runs && err == nil {
			got += " runs"
		}
		if got != want && err == nil || (err != nil) != (want == "") {
			t.Errorf("%q: %q, %v; want %q", v, got, err, want)
		}
	}
}
