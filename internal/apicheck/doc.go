// Package apicheck lists the exported API of packages, so that a test can hold
// it to what was recorded in the folder api; see docs/compatibility.md.
package apicheck
