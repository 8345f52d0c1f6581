module tactus

go 1.26
