package fetch_test

func settle() {}

func processorTime() float64 { return 1 }
