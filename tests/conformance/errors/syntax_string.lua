print("an open string)
