package credential

// Remembered counts the addresses and names that the throttle knows.
func (b *Book) Remembered() (addresses, names int) {
	b.throttle.mu.Lock()
	defer b.throttle.mu.Unlock()
	return len(b.throttle.addresses), len(b.throttle.targets)
}
