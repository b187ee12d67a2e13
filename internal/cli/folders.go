package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
)

const (
	// defaultSave is where files go when nothing else is said.
	defaultSave = "pictures"
	// databaseName is the file of the store in the data folder.
	databaseName    = "pixivoc.db"
	defaultDataHelp = "pixivoc in the user's data folder"
)

// dataFolder is where tasks and the login are kept: --data, or the place that
// the system has for such things.
func (a *app) dataFolder() (string, error) {
	folder := a.set.data
	if folder == "" {
		base, err := a.userDataFolder(runtime.GOOS)
		if err != nil {
			return "", err
		}
		folder = filepath.Join(base, "pixivoc")
	}
	absolute, err := filepath.Abs(folder)
	if err != nil {
		return "", fmt.Errorf("data folder %s: %w", folder, err)
	}
	return absolute, nil
}

// userDataFolder follows the XDG base directory specification, and the customs
// of macOS and Windows.
func (a *app) userDataFolder(system string) (string, error) {
	if folder := a.environ["XDG_DATA_HOME"]; filepath.IsAbs(folder) {
		return folder, nil
	}
	variable, below := "HOME", filepath.Join(".local", "share")
	switch system {
	case "windows":
		variable, below = "LOCALAPPDATA", ""
	case "darwin", "ios":
		below = filepath.Join("Library", "Application Support")
	}
	home := a.environ[variable]
	if home == "" {
		return "", advise(
			errors.New("no data folder: "+variable+" is not set"),
			"Name one: --data DIR, or PIXIVOC_DATA.")
	}
	return filepath.Join(home, below), nil
}

// saveFolder is the absolute path of the folder to save in. With a daemon it is
// a path there, or "" for where it saves by itself.
func (a *app) saveFolder() (string, error) {
	if a.remote() != "" {
		if a.set.given["save"] == "" {
			return "", nil
		}
		return a.set.save, nil
	}
	if a.set.save == "" {
		return "", errors.New("--save: the folder must not be empty")
	}
	absolute, err := filepath.Abs(a.set.save)
	if err != nil {
		return "", fmt.Errorf("save folder %s: %w", a.set.save, err)
	}
	return absolute, nil
}
