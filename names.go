package pixivoc

import "github.com/pixivoc/pixivoc/internal/fsafe"

// CheckName refuses a name that is not a legal file name on Linux, macOS and
// Windows alike: empty, "." and "..", longer than 200 bytes, with blanks or
// dots at its ends, control characters, any of \ / : * ? " < > |, or a device
// name of Windows. The error says which rule it breaks.
func CheckName(name string) error { return fsafe.Check(name) }

// CleanName turns any text into a name that CheckName accepts. The same text
// always gives the same name.
func CleanName(text string) string { return fsafe.Clean(text) }
