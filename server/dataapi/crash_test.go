package dataapi_test

const victimFolder = "DATAAPI_TEST_VICTIM"

func runVictim(string) error { return nil }
