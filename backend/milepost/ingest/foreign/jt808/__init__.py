"""JT/T 808, the national protocol of vehicle terminals in China, versions 2013 and 2019."""
