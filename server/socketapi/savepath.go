package socketapi

import "github.com/pixivoc/pixivoc"

// existingFolder returns the absolute form of a save path of PixivOC's
// commands: it must be a folder that exists, and lie below a root when there
// are any.
func (c *Config) existingFolder(path string) (string, error) {
	folder, err := c.roots.Existing(path)
	return folder, refusePath(err)
}

// anyFolder returns the absolute form of a save path of the new commands,
// which need not exist. With roots an empty or relative one is taken from the
// first root.
func (c *Config) anyFolder(path string) (string, error) {
	folder, err := c.roots.Place(path)
	return folder, refusePath(err)
}

func refusePath(err error) error {
	if err == nil {
		return nil
	}
	return &pixivoc.FieldError{Field: "SavePath", Reason: err.Error()}
}
