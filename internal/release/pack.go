package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// pack makes the archive dir/file of the tree dir/name: sorted, all files of root and of the
// same time, and nothing of this machine.
func pack(dir, name, file string, at time.Time) error {
	f, err := os.Create(filepath.Join(dir, file))
	if err != nil {
		return err
	}
	z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(z)
	err = fs.WalkDir(os.DirFS(dir), name, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return add(w, dir, name, d.IsDir(), at)
	})
	return errors.Join(err, w.Close(), z.Close(), f.Close())
}

// add writes one file; fs.WalkDir has them in the order of their names.
func add(w *tar.Writer, dir, name string, isDir bool, at time.Time) error {
	h := &tar.Header{Name: name, ModTime: at, Mode: 0o644, Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}
	if isDir {
		h.Name, h.Mode, h.Typeflag = name+"/", 0o755, tar.TypeDir
		return w.WriteHeader(h)
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	h.Size = int64(len(b))
	if filepath.Ext(name) == "" && len(b) > 4 && string(b[:4]) == "\x7fELF" {
		h.Mode = 0o755
	}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}
