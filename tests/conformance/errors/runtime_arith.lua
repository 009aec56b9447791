local price, count = 5
print(price)
print(price * count)
