package pebblekv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"strconv"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hortusdb/hortus/kv"
)

// formatVersion is the version of what docs/formats/store.md describes.
const formatVersion = 1

const (
	formatName    = "FORMAT"
	formatNewName = "FORMAT.new"
	lockName      = "LOCK"
	formatPrefix  = "hortus store "
)

// openDir makes dir if it is not there, locks it, and checks its format.
func openDir(fs vfs.FS, dir string) (*pebble.Lock, error) {
	if err := makeDir(fs, dir); err != nil {
		return nil, err
	}
	lock, err := pebble.LockDirectory(dir, fs)
	if err != nil {
		// A file that cannot be opened is a *fs.PathError; a lock that is held
		// is not.
		if path := new(iofs.PathError); errors.As(err, &path) {
			return nil, err
		}
		return nil, fmt.Errorf("%w (%w)", kv.ErrInUse, err)
	}
	if err := checkFormat(fs, dir); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// makeDir makes dir and syncs the directories that it is named in.
func makeDir(fs vfs.FS, dir string) error {
	var parents []string
	for d := dir; ; {
		if _, err := fs.Stat(d); err == nil || !oserror.IsNotExist(err) {
			break
		}
		parent := fs.PathDir(d)
		if parent == d {
			break
		}
		parents, d = append(parents, parent), parent
	}
	const mode = 0o700 // A cell's data is its owner's alone.
	if err := fs.MkdirAll(dir, mode); err != nil {
		return err
	}
	for _, d := range parents {
		if err := syncDir(fs, d); err != nil {
			return err
		}
	}
	return nil
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// checkFormat reads the format of the store in dir, or writes it into an empty
// directory.
func checkFormat(fs vfs.FS, dir string) error {
	name := fs.PathJoin(dir, formatName)
	f, err := fs.Open(name)
	if oserror.IsNotExist(err) {
		return writeFormat(fs, dir)
	}
	if err != nil {
		return err
	}
	b, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	digits, ok := bytes.CutPrefix(b, []byte(formatPrefix))
	version, err := strconv.Atoi(string(bytes.TrimSpace(digits)))
	if !ok || err != nil || version < 1 {
		return fmt.Errorf("%s does not name a format: %.40q", name, b)
	}
	if version > formatVersion {
		return fmt.Errorf("%w: %d, not %d", kv.ErrNewerFormat, version, formatVersion)
	}
	return nil
}

func writeFormat(fs vfs.FS, dir string) error {
	names, err := fs.List(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		if n != lockName && n != formatNewName {
			return fmt.Errorf("%s is not a store, and not empty: it has %s", dir, n)
		}
	}
	temporary := fs.PathJoin(dir, formatNewName)
	f, err := fs.Create(temporary, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s%d\n", formatPrefix, formatVersion)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := fs.Rename(temporary, fs.PathJoin(dir, formatName)); err != nil {
		return err
	}
	return syncDir(fs, dir)
}
