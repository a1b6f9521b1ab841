package memory

import "testing"

func TestRemap_Grown_KeepsWhatItHeldAndAddsZeros(t *testing.T) {
	table, err := Remap[int64](nil, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for i := range table {
		table[i] = int64(i)
	}
	if table, err = Remap(table, 1<<20); err != nil {
		t.Fatal(err)
	}
	defer Unmap(table)
	for i, got := range table {
		if want := int64(i); got != want && (i < 1024 || got != 0) {
			t.Fatalf("element %d is %d", i, got)
		}
	}
}

func TestVacate_Part_ReadsAsZerosAndTheRestStays(t *testing.T) {
	table, err := Remap[int64](nil, 1<<16)
	if err != nil {
		t.Fatal(err)
	}
	defer Unmap(table)
	for i := range table {
		table[i] = 7
	}
	Vacate(table[1<<13 : 1<<14])
	for i, got := range table {
		if want := int64(7); i>>13 == 1 {
			want = 0
			if got != want {
				t.Fatalf("element %d is %d after it was given back", i, got)
			}
		} else if got != want {
			t.Fatalf("element %d is %d", i, got)
		}
	}
}
